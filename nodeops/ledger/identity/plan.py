"""Decide what may be done with the three files of an identity, from what is found of them. Pure.

A validator that signs twice at one height harms everyone, so nothing here ever makes a key beside an old one, or an empty
signing state beside a key that may have signed. The files are made together in a folder of their own, which is renamed
to READY when whole and renamed over the empty key folder at the end. What an interruption leaves is therefore one of:

1. only MAKING folders: nothing was ever in use; they are thrown away and everything is made anew;
2. READY with its signing state, nothing in place: the state is put in place, then the keys;
3. READY without its signing state, an unused state in place: the keys are put in place;
4. READY with its signing state and an unused state in place: as 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from nodeops.core.errors import Refused
from nodeops.ledger.identity.identity import STATE_LOST

MAKING = ".identity-making-"
READY = ".identity-ready"
# Keys that wait until a restore is sure that nobody else signs with them (nodeops/backup/restore).
RESTORING = ".restore"
_RESTORE = (
    f"restore the keys from this node's backup; nodeops never makes new ones beside old ones. The signing state: {STATE_LOST}"
)


class Step(StrEnum):
    """What --ensure has to do."""

    NOTHING = "nothing"
    CREATE = "create"
    FINISH = "finish"


class State(StrEnum):
    """What is known of a signing state file."""

    ABSENT = "absent"
    UNUSED = "unused"
    USED = "used"


@dataclass(frozen=True)
class Prepared:
    """What the READY folder holds: whether both keys are in it, and its signing state."""

    keys: bool
    state: State


@dataclass(frozen=True)
class Seen:
    """What was found of an identity on this host."""

    node_key: bool
    validator_key: bool
    state: State
    # None where the ledger has no authors: no such key belongs here then.
    record_key: bool | None = None
    blocks: bool = False
    strangers: tuple[str, ...] = ()
    prepared: Prepared | None = None
    restoring: bool = False

    @property
    def missing(self) -> list[str]:
        """Return the parts that are not in place."""
        parts = {
            "node key": self.node_key,
            "validator key": self.validator_key,
            "signing state": self.state is not State.ABSENT,
        }
        return [name for name, present in parts.items() if not present]


def decide(seen: Seen, keys: str, data: str, published: str = "") -> Step:
    """Return what is to be done. Raise Refused, with what to do, for anything that is not provably safe.

    `keys` and `data` are the paths of the two folders, for messages. `published` is the node id or validator address by
    which members know this node already, "" while they know none: a node that has one is never given new keys.
    """
    if seen.restoring:
        raise Refused("a restore of this node's keys is under way", where=keys, hint="go on with it: nodeops backup restore")
    step = _decided(seen, keys, data)
    if published and step is Step.CREATE:
        text = f"this host has no keys, and members know this node as {published}: the host was rebuilt, or its disk is lost"
        raise Refused(text, where=keys, hint="bring its keys back: playbooks/restore.yml, docs/restore.md; never make new ones")
    return step


def makes_record_key(seen: Seen, published: str = "") -> bool:
    """Tell whether this node gets a key for records: it has none, and members do not know it yet, nor then such a key of it."""
    return seen.record_key is False and not published


def _decided(seen: Seen, keys: str, data: str) -> Step:
    if seen.prepared is not None:
        return _finish(seen, seen.prepared, keys, data)
    missing = seen.missing
    if not missing:
        return Step.NOTHING
    if len(missing) < 3:
        where = data if missing == ["signing state"] else keys
        hint = STATE_LOST if missing == ["signing state"] else _RESTORE
        raise Refused(f"this node's identity is not whole: its {' and its '.join(missing)} is missing", where=where, hint=hint)
    if seen.blocks:
        raise Refused("there are blocks here but no keys: this host was a node before", where=data, hint=_RESTORE)
    _refuse_strangers(seen, keys)
    return Step.CREATE


def _finish(seen: Seen, prepared: Prepared, keys: str, data: str) -> Step:
    for problem in _unfinished_problems(seen, prepared, data):
        text = f"an interrupted making of keys is left in {READY} beside it, and {problem}"
        hint = (
            f"look which keys this node published (identities/ on the controller), keep those, and remove {READY} or the others"
        )
        raise Refused(text, where=keys, hint=hint)
    _refuse_strangers(seen, keys)
    return Step.FINISH


def _unfinished_problems(seen: Seen, prepared: Prepared, data: str) -> Iterator[str]:
    if seen.node_key or seen.validator_key:
        yield "there are other keys in place"
    if not prepared.keys:
        yield "it does not hold both keys"
    if seen.state is State.USED:
        yield f"a validator has signed with the state in {data}"
    if seen.blocks:
        yield f"there are blocks in {data}"
    if State.UNUSED not in (prepared.state, seen.state) or prepared.state is State.USED:
        yield "its unused signing state is gone"


def _refuse_strangers(seen: Seen, keys: str) -> None:
    if seen.strangers:
        names = ", ".join(seen.strangers[:5])
        raise Refused(f"the folder for keys holds something else: {names}", where=keys, hint="move it away, then run again")
