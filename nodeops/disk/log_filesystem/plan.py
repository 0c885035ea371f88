"""Whether the ledger's log gets a filesystem of its own, and what must be done for that. Pure.

A log that fills its own filesystem takes nothing from chain data or the system. It is made once: a filesystem that is there
is never made anew, and one that holds anything else than ours is never written to.
"""

from dataclasses import dataclass

from nodeops.core.errors import InputError, Refused
from nodeops.core.result import Change
from nodeops.document.choices.disk import DiskChoices

LABEL = "nodeops-log"
STOP, START = "stop the ledger", "start the ledger"
STOP_GUARD, START_GUARD = "stop the disk guard", "start the disk guard"
MOUNT = "mount"
# The filesystem that carries the image keeps this share of itself free: an image may not cause what it is to prevent.
_LEFT_PERCENT = 10
_MIB = 1 << 20


@dataclass(frozen=True)
class LogPlace:
    """Where the log lies now. `device` and `device_holds` speak of the chosen device: "" blank, None absent.

    `guarded` says that the guard runs; `total` and `free` are of the filesystem that would carry an image; `content` is what
    the folder holds, in bytes.
    """

    folder: str
    mounted: bool
    content: int
    running: bool
    guarded: bool
    total: int
    free: int
    device_holds: str | None


def wanted(choices: DiskChoices) -> bool:
    """Tell whether a filesystem of its own is chosen."""
    return bool(choices.log_device or choices.log_bytes)


def plan(choices: DiskChoices, place: LogPlace, may_stop: bool) -> list[Change]:
    """Return what is done: nothing when the log has a filesystem of its own already, whoever made it.

    Raise InputError for a device that is not there, Refused for one that holds something, for too little room, and while
    the ledger runs, unless `may_stop` says that it may be stopped for this.
    """
    if place.mounted or not wanted(choices):
        return []
    source, room = _source(choices, place)
    if place.content > room:
        raise Refused(
            f"{place.content // _MIB} MiB of logs do not fit into {room // _MIB} MiB", where=place.folder, hint="choose more room"
        )
    if place.running and not may_stop:
        hint = "nodeops disk prepare --restart stops the node for the seconds this takes, one node at a time"
        raise Refused("the ledger runs and holds its log open", where=place.folder, hint=hint)
    mount = Change(f"{MOUNT} {source} at {place.folder}", "a flood of logs takes nothing from chain data", "a folder", "a mount")
    return [*_stops(place), mount, *_starts(place)]


def _stops(place: LogPlace) -> list[Change]:
    guard = Change(STOP_GUARD, "nothing may be sealed while logs are moved", "running", "stopped")
    ledger = Change(STOP, "it holds its log open", "running", "stopped")
    return [guard] * place.guarded + [ledger] * place.running


def _starts(place: LogPlace) -> list[Change]:
    ledger = Change(START, "it was stopped for this", "stopped", "running")
    guard = Change(START_GUARD, "it sees the new filesystem from its start on", "stopped", "running")
    return [ledger] * place.running + [guard] * place.guarded


def _source(choices: DiskChoices, place: LogPlace) -> tuple[str, int]:
    """Return what is mounted, and how many bytes of logs may be moved there."""
    if choices.log_bytes:
        if place.free - choices.log_bytes < place.total * _LEFT_PERCENT // 100:
            what = f"an image of {choices.log_bytes // _MIB} MiB would leave less than {_LEFT_PERCENT} % free"
            raise Refused(what, where="disk.log_bytes", hint="choose fewer bytes, or give the log a device of its own")
        return f"an image of {choices.log_bytes // _MIB} MiB", choices.log_bytes // 2
    if place.device_holds is None:
        raise InputError(f"there is no device {choices.log_device}", where="disk.log_device", hint="lsblk lists what is there")
    if place.device_holds not in ("", LABEL):
        what = f"{choices.log_device} holds {place.device_holds}, and nothing that is there is overwritten"
        raise Refused(what, where="disk.log_device", hint="name a blank device; wipefs empties one, and loses what it holds")
    return str(choices.log_device), place.total
