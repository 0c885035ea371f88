"""Choose how a log is made smaller, from what is known of it and of its writers. Never by copying and truncating. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Rotator = Literal["own", "reopen", "none"]
Kind = Literal["rotated", "reopen", "collapse", "refused"]


@dataclass(frozen=True)
class Facts:
    """What a choice is made from.

    `rotator` is the profile's word: the ledger rotates its log itself (own), opens it again on a signal (reopen), or neither.
    `regular` and `links` are the live log's; `writers` counts handles open for writing, `not_appending` and `mapping` name the
    processes that write without O_APPEND or through memory. `collapse_refusal` says why the filesystem cannot take blocks out,
    `holes` whether the log has any.
    """

    rotator: Rotator
    regular: bool
    links: int
    writers: int
    not_appending: Sequence[str] = field(default_factory=tuple)
    mapping: Sequence[str] = field(default_factory=tuple)
    collapse_refusal: str = ""
    holes: bool = False


@dataclass(frozen=True)
class Method:
    """How a log is made smaller, and why so, for the operator: `refused` says what to change."""

    kind: Kind
    reason: str


def choose(facts: Facts) -> Method:
    """Return the first method that loses nothing: the ledger's own rotation, opening again, taking blocks out; or none."""
    if facts.rotator == "own":
        return Method("rotated", "the ledger rotates its log itself: only files it has closed are sealed")
    if not facts.regular:
        return Method("refused", "the log is no regular file: give the ledger a path to write to")
    if facts.links != 1:
        return Method("refused", f"the log has {facts.links} names: remove the other hard links")
    if facts.rotator == "reopen":
        return Method("reopen", "the ledger opens its log again on a signal: renamed, signalled, sealed once it is closed")
    return _collapse(facts)


def _collapse(facts: Facts) -> Method:
    if facts.mapping:
        return Method("refused", f"written through memory by {_names(facts.mapping)}: sealed when that has ended")
    if facts.not_appending:
        who = _names(facts.not_appending)
        return Method("refused", f"written without O_APPEND by {who}: use StandardOutput=append: or >>, then restart it")
    if facts.collapse_refusal:
        return Method("refused", f"{facts.collapse_refusal}: put the log on ext4 or XFS")
    if facts.holes:
        return Method("refused", "the log has holes, so something does not append to it: start a new log at the next restart")
    if not facts.writers:
        return Method("collapse", "nobody has the log open now: whoever does later is looked at again")
    return Method("collapse", f"{facts.writers} of {facts.writers} writers append: sealed bytes are taken out of the live file")


def _names(processes: Sequence[str]) -> str:
    return ", ".join(sorted(set(processes)))
