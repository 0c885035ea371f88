"""Retire a host whose node left: what is refused, and what is done in which order. Pure.

What is there decides, so a run that was killed is gone on with by the next one, and one that was finished does nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nodeops.core.errors import InputError, Refused
from nodeops.core.result import Change

Keys = Literal["kept", "archived", "shredded"]
CHOICES: tuple[Keys, ...] = ("kept", "archived", "shredded")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
DAMAGED = "damaged"
_WHERE = "lifecycle retire"


@dataclass(frozen=True)
class Order:
    """What is to become of the keys, and what was proven of a node: at a height its validator key (base64) had no power.

    `archive` is the SHA-256 of the archive of the keys that admins hold, "" without one.
    """

    node: str
    keys: Keys
    height: int
    validator_key: str
    archive: str = ""


@dataclass(frozen=True)
class Seen:
    """The host of a node as it is.

    `masked`, `runs`: the ledger's unit. `units` are other units of ours that serve members and run or come at boot. `files` are
    the key files that are there; `validator_key` is the public part (base64) of the one among them, None without one. `votes`
    is what the own ledger says of its voting power, with its height, None when it does not answer. `begun` and `archive` are
    the choice with which a retirement of the proven key began, and the archive named then. `restoring`: keys wait for a restore.
    """

    node: str
    masked: bool
    runs: bool
    units: tuple[str, ...]
    files: tuple[str, ...]
    validator_key: str | None
    votes: tuple[int, int] | None
    archive: str = ""
    begun: Keys | None = None
    restoring: bool = False


def require_allowed(seen: Seen, order: Order) -> None:
    """Raise Refused for an order that could harm."""
    if seen.node != order.node:
        what = f"this host is that of {seen.node}, not of {order.node}: a node that only changed its name did not leave"
        raise Refused(what, where=_WHERE, hint="see which host the address leads to: nodeops consortium drift")
    if seen.restoring:
        raise Refused("a restore of keys is not over on this host", where=_WHERE, hint="nodeops backup restore ends it")
    # A key that was overwritten and not removed yet is that of a run which was killed.
    halfway = seen.begun not in (None, "kept") and seen.validator_key == DAMAGED
    if not halfway and seen.validator_key not in (None, order.validator_key):
        what = "the validator key on this host is another than the one that was proven to have no power"
        raise Refused(what, where=_WHERE, hint="compare identities/ with nodeops ledger identity: is it the right host?")
    if seen.votes is not None and seen.votes[1] and seen.votes[0] >= order.height:
        height, power = seen.votes
        what = f"it has voting power {power} at height {height}; what was proven is of height {order.height}"
        raise Refused(what, where=_WHERE, hint="nodeops consortium departed at the controller proves it anew")
    if order.keys == "kept" and seen.begun not in (None, "kept"):
        what = f"keys began to be {seen.begun}: they cannot be kept any more"
        raise Refused(what, where=_WHERE, hint=f"end it with --keys {seen.begun}")


def archive_of(seen: Seen, order: Order) -> str:
    """Return the archive that the keys are in. Raise InputError when they are to be in one and none is named."""
    archive = order.archive or seen.archive
    if archive and not _SHA256.fullmatch(archive):
        raise InputError("is no SHA-256", where="--archive", allowed="64 hex digits, as sha256sum says them")
    if order.keys == "archived" and not archive:
        hint = "nodeops backup keys --ensure makes one; playbooks/leave.yml hands its digest over"
        raise InputError("keys are archived only where an archive is named", where="--archive", hint=hint)
    return archive if order.keys == "archived" else ""


def plan(seen: Seen, order: Order) -> list[Change]:
    """Return what is done, in order: nothing can sign before its key goes, and nothing can be started again by a boot."""
    return list(_steps(seen, order))


def _steps(seen: Seen, order: Order) -> Iterator[Change]:
    if seen.runs or not seen.masked:
        before = "running" if seen.runs else "stopped"
        yield Change("mask ledger", "its node left: it must not come back by a start or a boot", before, "masked")
    for unit in seen.units:
        yield Change(f"disable {unit}", "it serves members, and this host is none", "enabled", "stopped and disabled")
    if order.keys != "kept":
        why = "the archive of them is with the admins" if order.keys == "archived" else "nobody is to have them any more"
        for file in seen.files:
            yield Change(f"shred {file}", why, "there", "overwritten and removed")
