"""`nodeops disk ship`: copy sealed logs to the remote that the inventory names; what the unit nodeops-ship runs."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit, working
from nodeops.core.errors import HostError, InputError, NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result
from nodeops.disk.ship.rclone import Shipped, read_acks, recheck, ship
from nodeops.disk.ship.rules import Ack, ShipSettings
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.beneath import Gone
from nodeops.logstore.naming import Segment, range_of
from nodeops.logstore.segment import check

RecheckFlag = Annotated[bool, typer.Option("--recheck", help="Read back everything that was ever acknowledged, and compare.")]


def settings_of(document: NodeDocument) -> ShipSettings:
    """Return where this host ships to. Raise InputError when the inventory does not say it."""
    chosen = document.limits.disk.ship
    if chosen is None:
        raise InputError("no remote is chosen", where="nodeops_choices.disk.ship", hint="see docs/disk.md")
    # A unit is handed its own copy by systemd (LoadCredential); a person at a console reads the file itself.
    own = Path(document.paths["rclone"])
    config = Path(os.environ.get("CREDENTIALS_DIRECTORY", own.parent)) / own.name
    return ShipSettings(chosen.remote, config, chosen.most_bytes_per_second)


def ship_sealed(
    again: RecheckFlag = False, dry_run: DryRunFlag = False, document: DocumentOption = None, as_json: JsonFlag = False
) -> None:
    """Ship sealed logs, oldest first; each is acknowledged once it was read back from the remote and is what was sealed."""
    if os.geteuid() != 0:
        raise HostError("logs and the remote's secrets are for root only", where="nodeops disk ship", hint="run with sudo")
    node = load_node_document(document)
    settings = settings_of(node)
    sealed, acks = Path(node.ledger.paths["sealed_log"]), Path(node.paths["acknowledgements"])
    known = read_acks(acks)
    if again:
        with working(f"reading back from {settings.remote}"):
            emit(_recheck_result(settings, recheck(settings, known.values()), len(known)), as_json)
        return
    names = _waiting(sealed, known, settings.remote)
    if dry_run:
        changes = [Change(f"ship {name}", f"not acknowledged by {settings.remote}") for name in names]
        emit(Result({"waiting": len(names)}, changes=changes), as_json)
        return
    damaged: dict[str, str] = {}
    with working(f"shipping {len(names)} segments to {settings.remote}"):
        done = ship(settings, sealed, _whole(sealed, names, damaged), acks)
    emit(_result(settings, done, damaged), as_json)


def _waiting(sealed: Path, acks: Mapping[str, Ack], remote: str) -> list[str]:
    """Return the segments that this remote has not acknowledged, oldest first: a purge wants to remove those first."""
    try:
        names = [path.name for path in sealed.iterdir()]
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(sealed)) from error
    return sorted(name for name in names if range_of(name) and (name not in acks or acks[name].remote != remote))


def _whole(sealed: Path, names: Iterable[str], damaged: dict[str, str]) -> Iterator[Segment]:
    """Yield segments whose every byte is as it was sealed; note the others. A rotten copy must not count as shipped."""
    for name in names:
        try:
            yield check(sealed / name)
        except Gone:
            continue
        except NodeopsError as error:
            damaged[name] = error.what


def _result(settings: ShipSettings, done: Shipped, damaged: Mapping[str, str]) -> Result:
    findings = [
        *_findings(damaged, "is what was sealed", "keep it, and see why the disk gave back something else"),
        *_findings(done.refused, f"{settings.remote} gives back what it was sent", "see to the remote; it is sent again"),
    ]
    changes = [Change(f"ship {ack.name}", f"{settings.remote} holds it: read back and compared") for ack in done.acked]
    data = {"acknowledged": [ack.name for ack in done.acked], "refused": {**done.refused, **damaged}}
    return Result(data, findings=findings, changes=changes)


def _recheck_result(settings: ShipSettings, wrong: Mapping[str, str], count: int) -> Result:
    hint = "the remote has changed what it acknowledged: fetch it from a version of its own, or ship it again"
    line = f"{settings.remote}: {count - len(wrong)} of {count} are what was acknowledged"
    findings = list(_findings(wrong, "is what was acknowledged", hint))
    return Result({"checked": count, "wrong": dict(wrong)}, lines=[line], findings=findings)


def _findings(wrong: Mapping[str, str], expected: str, hint: str) -> Iterator[Finding]:
    for name, said in wrong.items():
        yield Finding(f"ship:{name}", Verdict.FAIL, expected, said, hint)
