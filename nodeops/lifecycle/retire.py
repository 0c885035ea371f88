"""Retire this host: look at it, and carry a plan out so that an interruption at any step leaves something to go on with."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.host.files import replace_link
from nodeops.host.units import systemd
from nodeops.ledger.driver import driver_for
from nodeops.ledger.identity.files import Layout, layout, read_small, shred
from nodeops.ledger.identity.identity import parse_validator_key
from nodeops.ledger.identity.plan import RESTORING
from nodeops.lifecycle.retire_plan import DAMAGED, Order, Seen, archive_of, plan, require_allowed
from nodeops.receipts import notes

# What serves members and watches this node. Firewall, hardening, disk guard and patches stay: the host is still ours.
_UNITS = ("nodeops-mesh.service", "nodeops-exporter.service", "nodeops-look.timer", "nodeops-ship.timer", "nodeops-backup.timer")
_UNIT_FOLDER = Path("/etc/systemd/system")
_NOWHERE = "/dev/null"
_QUESTION_SECONDS = 3.0
_BEGUN, _DONE = "retire", "retired"


def observe(document: NodeDocument, proven_key: str) -> Seen:
    """Return this host as it is, and what a retirement of the proven key began. Raise HostError when it may not be looked at."""
    at, begun = layout(document), _begun(document, proven_key)
    ledger = systemd.unit(document.ledger.unit)
    units = [systemd.unit(name) for name in _UNITS]
    return Seen(
        node=document.node.name,
        masked=_unit_file(document).is_symlink(),
        runs=ledger.pid != 0,
        units=tuple(one.name for one in units if one.loaded and (one.active or one.enabled)),
        files=tuple(str(file) for file in _key_files(at) if os.path.lexists(file)),
        validator_key=_validator_key(at),
        votes=_votes(document) if ledger.pid else None,
        archive=str(begun.get("archive", "")),
        begun=begun.get("keys"),
        restoring=os.path.lexists(at.home / RESTORING),
    )


def retire(document: NodeDocument, order: Order, *, dry_run: bool) -> tuple[list[Change], Mapping[str, Any]]:
    """Do what is left of a retirement; return what changed, and the receipt, which is empty in a dry run of the first one.

    Raise Refused and InputError as the plan does, HostError when the host fails: then the next run goes on.
    """
    seen = observe(document, order.validator_key)
    require_allowed(seen, order)
    if dry_run:
        return plan(seen, order), _receipt(document)
    archive, changes = archive_of(seen, order), plan(seen, order)
    data = {"keys": order.keys, "height": order.height, "validator_key": order.validator_key, "archive": archive}
    if changes and seen.begun != order.keys:
        _note(document, _BEGUN, data)
    for change in changes:
        _carry_out(document, change)
    if changes or not _ended(document):
        _note(document, _DONE, {**data, "files": [*_gone(changes)]})
    return changes, _receipt(document)


def _carry_out(document: NodeDocument, change: Change) -> None:
    action, what = change.what.split(" ", 1)
    if action == "mask":
        _mask(document)
    elif action == "disable":
        systemd.systemctl("disable", "--now", what)
    else:
        shred(Path(what))


def _mask(document: NodeDocument) -> None:
    """Stop the ledger and leave a mask in its unit's place: our unit stands where systemctl would put one."""
    name = document.ledger.unit
    if systemd.unit(name).loaded:
        systemd.systemctl("disable", "--now", name)
    replace_link(_unit_file(document), _NOWHERE)
    systemd.systemctl("daemon-reload")
    if systemd.unit(name).pid:
        systemd.systemctl("stop", name)


def _unit_file(document: NodeDocument) -> Path:
    return _UNIT_FOLDER / document.ledger.unit


def _key_files(at: Layout) -> Iterator[Path]:
    """Yield the validator key first: it is the one that could do harm."""
    yield at.validator_key
    yield at.node_key
    if at.record_key:
        yield at.record_key


def _validator_key(at: Layout) -> str | None:
    if not os.path.lexists(at.validator_key):
        return None
    try:
        return parse_validator_key(read_small(at.validator_key), str(at.validator_key)).value
    except HostError:
        # Overwritten, and the run was killed before it was removed.
        return DAMAGED


def _votes(document: NodeDocument) -> tuple[int, int] | None:
    try:
        seen = driver_for(document, _QUESTION_SECONDS).status()
    except NodeopsError:
        return None
    return seen.height, seen.voting_power


def _book(document: NodeDocument) -> Path:
    return Path(document.paths["state"]) / "retired.jsonl"


def _note(document: NodeDocument, kind: str, data: Mapping[str, Any]) -> None:
    notes.append(_book(document), document.node.name, kind, data)


def _begun(document: NodeDocument, key: str) -> Mapping[str, Any]:
    """Return with what the newest retirement of a key began: the host may have had another key, and another archive, before."""
    found = (one.data for one in reversed(notes.read(_book(document))[0]) if one.kind == _BEGUN)
    return next((data for data in found if data["validator_key"] == key), {})


def _ended(document: NodeDocument) -> bool:
    found = notes.read(_book(document))[0]
    return bool(found) and found[-1].kind == _DONE


def _receipt(document: NodeDocument) -> Mapping[str, Any]:
    """Return the newest note that a retirement ended, with the digest of the one before; empty before the first."""
    return next((vars(one) for one in reversed(notes.read(_book(document))[0]) if one.kind == _DONE), {})


def _gone(changes: Sequence[Change]) -> Iterator[str]:
    return (change.what.removeprefix("shred ") for change in changes if change.what.startswith("shred "))
