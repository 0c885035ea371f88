"""Gather public identities into the inventory folder and make the genesis once, on the controller."""

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.consortium.kept import keep_founding
from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Verdict
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import chosen, managed_nodes
from nodeops.ledger.founding.gather import Gathered, gather
from nodeops.ledger.founding.genesis_trust import DIGEST


class ActionModule(ActionBase):
    """A door to nodeops.ledger.founding.gather."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", "identities"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `peers`, `known`, `genesis` and `authors`. Fail, naming what is missing and who publishes it, when not whole."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {"inventory": {"type": "path", "required": True}, "identities": {"type": "dict", "required": True}}
        )
        dry_run = bool(self._task.check_mode)
        try:
            gathered = self._gather(Path(arguments["inventory"]), arguments["identities"], dry_run)
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        # The look before any host is changed asks no host; the task that writes says it.
        if arguments["identities"]:
            self._say(gathered)
        return self._result(gathered, dry_run)

    def _gather(self, folder: Path, identities: dict[str, Any], dry_run: bool) -> Gathered:
        consortium, _ = checked_consortium(folder)
        # What is no mapping is refused by name; hosts may answer anything.
        observed = {name: answer for name, answer in identities.items() if not isinstance(answer, dict) or answer.get("node_id")}
        managed, agreed = managed_nodes(consortium, folder), chosen(folder).genesis
        gathered = gather(folder, consortium, observed, managed, dry_run=dry_run, agreed=agreed)
        # The first run founds the chain, so no node could tell what is in force before it.
        if not dry_run:
            keep_founding(folder, consortium)
        return gathered

    def _say(self, gathered: Gathered) -> None:
        for finding in gathered.findings:
            if finding.verdict is Verdict.WARN:
                self._display.warning("; ".join(filter(None, (f"{finding.id}: {finding.actual}", finding.hint))))
            elif finding.id == DIGEST:
                self._display.display(f"{finding.actual}: {finding.expected}")

    def _result(self, gathered: Gathered, dry_run: bool) -> dict[str, Any]:
        result: dict[str, Any] = {
            "changed": bool(gathered.changes),
            "peers": gathered.peers,
            "known": gathered.known,
            "replaced": gathered.replaced,
            "replaced_ids": gathered.replaced_ids,
            "renewed": gathered.renewed,
            "genesis": gathered.genesis_text or "",
            "authors": gathered.authors_text,
            "findings": [finding.as_dict() for finding in gathered.findings],
            "missing": gathered.missing,
            "diff": [{"before": "", "after": text, "after_header": path} for path, text in gathered.files.items()],
        }
        # In check mode nothing was made on the hosts, so their identities cannot be there yet.
        if gathered.missing and not dry_run:
            result |= {"failed": True, "msg": "\n".join(["The network is not complete:", *gathered.missing])}
        return result
