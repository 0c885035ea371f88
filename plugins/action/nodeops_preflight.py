"""Observe a host and judge, before anything is changed, whether it can carry its node."""

import json
import time
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.core.finding import failures
from nodeops.document.models import NodeDocument
from nodeops.document.preflight import HostFacts, judge_host


class ActionModule(ActionBase):
    """Run the module nodeops_observe on the host; a door to nodeops.document.preflight."""

    _VALID_ARGS = frozenset({"document", "packages"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return what nodeops_observe saw and the `findings`; fail when one of them fails."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "document": {"type": "dict", "required": True},
                "packages": {"type": "list", "elements": "str", "default": []},
            }
        )
        document = NodeDocument.model_validate_json(json.dumps(given["document"]))
        # The module beside this action, be that in a collection or in the checkout.
        observe = self._task.resolved_action.replace("nodeops_preflight", "nodeops_observe")
        # The controller's clock before and after: a clock can be judged without guessing latency.
        before = time.time()
        seen = self._execute_module(module_name=observe, module_args=_wanted(document, given["packages"]), task_vars=task_vars)
        if seen.get("failed"):
            return dict(seen)
        findings = judge_host(document, HostFacts.model_validate_json(json.dumps(seen["observed"])), (before, time.time()))
        failing = failures(findings)
        judged = {**seen, "findings": [finding.as_dict() for finding in findings]}
        return {**judged, "failed": True, "msg": "\n".join(failing)} if failing else judged


def _wanted(document: NodeDocument, packages: list[str]) -> dict[str, Any]:
    """Return what to look at on the host of a node."""
    ledger = document.ledger
    return {
        "packages": packages,
        "filesystems": [ledger.paths["data"], ledger.paths["log_directory"], "/"],
        "ports": [one.port for one in (*ledger.ports.values(), *document.ports.values())],
        "hash": [ledger.paths["version_binary"]],
        "links": [f"{document.paths['agent']}/current"],
    }
