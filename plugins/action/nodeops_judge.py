"""Judge the live network by the statuses of the nodes that were asked, on the controller."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Verdict, failures
from nodeops.document.check import checked_consortium
from nodeops.ledger.founding.gather import read_folder
from nodeops.ledger.network.findings import WORD
from nodeops.ledger.network.judge import NetworkView, judge
from nodeops.ledger.node.status import NodeStatus, parse_status


class ActionModule(ActionBase):
    """A door to nodeops.ledger.network.judge."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", "answers"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return in `msg` who was asked, the summary and what fails; fail when anything does."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {"inventory": {"type": "path", "required": True}, "answers": {"type": "dict", "required": True}}
        )
        try:
            statuses, untrue = _statuses(given["answers"])
            view = _view(Path(given["inventory"]), statuses)
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        failing = [*failures(view.findings), *untrue]
        alone = [f"doubtful: {one.actual}" for one in view.findings if one.id == WORD and one.verdict is Verdict.WARN]
        said = {"changed": False, "failed": bool(failing), "msg": "\n".join([view.asked, view.summary, *alone, *failing])}
        # What was judged, and from whom, is the point of the run: it is shown when all is well, too.
        return {**said, "_ansible_verbose_always": True}


def _statuses(answers: Mapping[str, Any]) -> tuple[dict[str, NodeStatus | None], list[str]]:
    """Return the status of each node, and why some are none: such a node counts as dead, the others are judged."""
    statuses: dict[str, NodeStatus | None] = dict.fromkeys(answers)
    untrue = []
    for name, answer in answers.items():
        try:
            statuses[name] = parse_status(json.dumps(answer).encode(), name) if answer else None
        except NodeopsError as error:
            untrue.append(str(error))
    return statuses, untrue


def _view(folder: Path, statuses: Mapping[str, NodeStatus | None]) -> NetworkView:
    consortium, _ = checked_consortium(folder)
    published = {name: identity.validator_address for name, identity in read_folder(folder).published.items()}
    return judge(consortium, statuses, published)
