"""`nodeops status`: this host at a glance."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from nodeops.backup.standing import standing as backup_standing
from nodeops.console import DocumentOption, JsonFlag, emit
from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.disk.state import disk_state
from nodeops.document.host import load_host_document
from nodeops.document.models import HostDocument, NodeDocument, PlainDocument
from nodeops.firewall.standing import standing
from nodeops.hardening.summary import hardening_state
from nodeops.ledger.node.observe import observe_status
from nodeops.ledger.node.status import findings
from nodeops.ledger.node.view import status_table
from nodeops.lifecycle.patch.summary import patch_state
from nodeops.log_host import status as log_host

D = TypeVar("D", bound=HostDocument)

app = typer.Typer()

_LINE_CHARACTERS = 300
_GUARDS: Mapping[str, Callable[[NodeDocument], str]] = {"disk": disk_state}
_OF_EVERY_HOST: Mapping[str, Callable[[HostDocument], str]] = {"hardening": hardening_state, "patches": patch_state}


@app.callback(invoke_without_command=True)
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """This host at a glance: what it is for and how its guards do; of a node its height, signing, peers, disk, too.

    Exit code 1 when its ledger does not run, its chain stands, or rules of the firewall that were confirmed are not in force.
    """
    host = load_host_document(document)
    if isinstance(host, NodeDocument):
        _of_node(host, as_json)
    else:
        _of_plain_host(host, as_json)


def _of_plain_host(host: HostDocument, as_json: bool) -> None:
    words, failing = guarded(host)
    if isinstance(host, PlainDocument) and host.takes_logs:
        words = {**words, "logs": _state(_logs, host)}
    data = {"host": host.title, "kind": host.kind, "name": host.own.name, "revision": host.revision, "guards": words}
    rows = [("runs", "no ledger"), ("revision", str(host.revision)), *words.items()]
    emit(Result(data, lines=[host.title], tables=[Table(("what", "state"), rows)], findings=failing), as_json)


def _logs(host: HostDocument) -> str:
    return log_host.word(log_host.read(Path(host.paths["log_host_status"])), time.time())


def _of_node(node: NodeDocument, as_json: bool) -> None:
    words, failing = guards(node)
    troubles = [_line(finding) for finding in failing]
    seen = observe_status(node).model_copy(update={"guards": words, "troubles": troubles})
    judged = [*findings(seen, node.ledger.block_seconds), *failing]
    emit(Result(seen.model_dump(mode="json"), tables=[status_table(seen)], findings=judged), as_json)


def guards(document: NodeDocument) -> tuple[dict[str, str], Sequence[Finding]]:
    """Return in a word or two how each guard of a node is doing, and what fails."""
    words, failing = guarded(document)
    if os.geteuid() != 0:
        return {**words, **dict.fromkeys([*_GUARDS, "backup"], "ask as root")}, []
    saved, trouble = _backup(document)
    states = {name: _state(ask, document) for name, ask in _GUARDS.items()}
    return {**words, **states, "backup": saved}, [*failing, *trouble]


def guarded(document: HostDocument) -> tuple[dict[str, str], Sequence[Finding]]:
    """Return in a word or two how the guards that every host has are doing, and what fails.

    Rules are for root; a status is for everyone.
    """
    if os.geteuid() != 0:
        return dict.fromkeys(["firewall", *_OF_EVERY_HOST], "ask as root"), []
    word, failing = _firewall(document)
    return {"firewall": word, **{name: _state(ask, document) for name, ask in _OF_EVERY_HOST.items()}}, failing


def _backup(document: NodeDocument) -> tuple[str, Sequence[Finding]]:
    """Return how backups stand, and what is wrong: that none is set up is a choice, one that is late is a trouble."""
    try:
        word, found = backup_standing(document)
    except NodeopsError as error:
        return "unknown", [
            Finding("backup.last", Verdict.UNKNOWN, "what this host remembers can be read", error.what, error.hint)
        ]
    return word, [found] if found.verdict is Verdict.FAIL else []


def _firewall(document: HostDocument) -> tuple[str, Sequence[Finding]]:
    try:
        return standing(document)
    except NodeopsError as error:
        expected = "the rules that are loaded can be compared with the node document"
        return "unknown", [Finding("firewall.live", Verdict.UNKNOWN, expected, error.what, error.hint)]


def _line(finding: Finding) -> str:
    return f"{finding.id}: {finding.actual}".partition("\n")[0][:_LINE_CHARACTERS]


def _state(ask: Callable[[D], str], document: D) -> str:
    try:
        return ask(document)
    except NodeopsError:
        return "unknown"
