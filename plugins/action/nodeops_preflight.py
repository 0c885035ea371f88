"""Observe a host and judge, before anything is changed, whether it can carry what it is for."""

import json
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from pydantic import ValidationError

from nodeops.core.errors import InputError
from nodeops.core.finding import failures
from nodeops.core.printable import printable
from nodeops.document.facts import HostFacts
from nodeops.document.host import read_document
from nodeops.document.models import HostDocument, NodeDocument
from nodeops.document.names_rules import names_of
from nodeops.document.preflight import check_time_servers, judge_host
from nodeops.fleet.ansible.words import explained
from nodeops.host import names


class ActionModule(ActionBase):
    """Run the module nodeops_observe on the host; a door to nodeops.document.preflight."""

    _VALID_ARGS = frozenset({"document", "packages", "time_servers"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return what nodeops_observe saw and the `findings`; fail when one of them fails."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "document": {"type": "dict", "required": True},
                "packages": {"type": "list", "elements": "str", "default": []},
                # As it is written: a text would be made a list here, and not where it is used.
                "time_servers": {"type": "raw", "default": []},
            }
        )
        try:
            check_time_servers(given["time_servers"])
        except InputError as error:
            return {"failed": True, "msg": str(error)}
        document = read_document(json.dumps(given["document"]))
        # The module beside this action, be that in a collection or in the checkout.
        observe = self._task.resolved_action.replace("nodeops_preflight", "nodeops_observe")
        # The controller's clock before and after: a clock can be judged without guessing latency.
        before = time.time()
        seen = self._observe(observe, _wanted(document, given["packages"]), task_vars)
        if seen.get("failed"):
            return seen
        facts = _facts(seen)
        if isinstance(facts, str):
            return {"failed": True, "msg": facts}
        findings = judge_host(document, facts, (before, time.time()))
        failing = failures(findings)
        judged = {**seen, "findings": [finding.as_dict() for finding in findings]}
        return {**judged, "failed": True, "msg": "\n".join(failing)} if failing else judged

    def _observe(self, module: str, wanted: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        """Return what the module saw. This is the first thing that a run does on a host: what it lacks shows here."""
        try:
            seen = self._execute_module(module_name=module, module_args=wanted, task_vars=task_vars)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            seen = {"failed": True, "msg": str(error)}
        return explained(seen)


def _facts(seen: dict[str, Any]) -> HostFacts | str:
    """Return what a host answered, or why that is nothing: a host that was taken over may answer anything."""
    try:
        return HostFacts.model_validate_json(json.dumps(seen.get("observed")))
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors(include_input=False)[0]["loc"])
        what = f"this host did not answer as nodeops_observe does: {printable(place or 'observed', 80)}"
        return f"{what}\n  do: look at the host: its python3, or a program that it runs, was replaced"


def _wanted(document: HostDocument, packages: list[str]) -> dict[str, Any]:
    """Return what to look at on a host."""
    ledger = document.ledger.paths if isinstance(document, NodeDocument) else None
    return {
        "packages": packages,
        "filesystems": [*([ledger["data"], ledger["log_directory"]] if ledger else []), "/"],
        "ports": [one.port for one in document.serves.values()],
        "hash": [ledger["version_binary"]] if ledger else [],
        "links": [f"{document.paths['agent']}/current", *([ledger["current"]] if ledger else [])],
        "names": names_of(document),
        "names_program": Path(names.__file__).read_text(encoding="utf-8"),
    }
