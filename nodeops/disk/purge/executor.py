"""Remove segments, and be unable to remove anything else.

A forked child does it: it gives up, by Landlock where the kernel has it, the right to change anything outside the folder of
segments, opens that folder once, and removes only names in it whose files are regular, have one name, and are what the index
knows. An intent is on the disk before each removal, a result after it. Whoever decides what to remove never removes.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.printable import shown
from nodeops.disk.model import Stage
from nodeops.disk.purge.intents import intent_of
from nodeops.disk.purge.roots import opened_root, require_no_tripwire
from nodeops.disk.purge.segment_file import Target, looked_at
from nodeops.host.beneath import kept_by_kernel
from nodeops.host.child import answer_of
from nodeops.host.landlock import restrict_to
from nodeops.logstore.naming import Segment
from nodeops.receipts.book import MOST_INTENTS, Book, opened
from nodeops.receipts.chain import Receipt, settled


@dataclass(frozen=True)
class Limits:
    """The most that one call may remove."""

    files: int
    size_bytes: int


@dataclass(frozen=True)
class Why:
    """Why segments are removed, for the receipts: the rule that says so, the stage of the filesystem, and the host's name."""

    rule: str
    stage: Stage
    host: str


@dataclass
class Purged:
    """What a purge did. `receipts` are results only (done or aborted), as they stand in the file.

    `refused` are names that were not touched, with the reason. `left` counts wanted segments beyond the limits. `stopped` says
    why it ended early. `alarms` are for a person. `landlock` is the ABI that bound the executor, 0 for none; `openat2` tells
    whether the kernel itself kept names inside the folder.
    """

    receipts: list[Receipt] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    left: int = 0
    stopped: str = ""
    landlock: int = 0
    openat2: bool = False

    @property
    def freed(self) -> int:
        """Return the bytes of the files that were removed."""
        return sum(receipt.size for receipt in self.receipts if receipt.state == "done")


@dataclass(frozen=True)
class _Order:
    folder: Path
    segments: Sequence[Segment]
    receipts: Path
    why: Why
    whole: bool


def purge(
    folder: Path,
    wanted: Sequence[Segment],
    limits: Limits,
    receipts: Path,
    why: Why,
    *,
    whole: bool = False,
    seconds: float = 60.0,
) -> Purged:
    """Remove segments from their folder, in the order given, as many as the limits allow; return what became of them.

    `receipts` is the file that every removal is written to first. `whole` compares each file's SHA-256 before. Called where no
    other thread runs. Raise Refused when the whole folder must not be touched (a tripwire, others may write there, another
    purge), HostError when nothing could be written down or the executor was killed, Timeout after `seconds`: what was done
    until then is in the receipts and is settled by the next purge.
    """
    chosen = within(wanted, limits)
    left = len({segment.name for segment in wanted}) - len(chosen)
    if not chosen:
        return Purged(left=left)
    order = _Order(folder, chosen, receipts, why, whole)
    answer: dict[str, Any] = json.loads(answer_of(lambda: _carried_out(order), seconds=seconds))
    answer["receipts"] = [Receipt(**receipt) for receipt in answer["receipts"]]
    answer["refused"] = [(name, reason) for name, reason in answer["refused"]]
    return Purged(**{**answer, "left": left})


def within(wanted: Sequence[Segment], limits: Limits) -> list[Segment]:
    """Return the first segments that together stay within the limits, each once; none after the first that does not fit."""
    chosen: dict[str, Segment] = {}
    for segment in wanted:
        total = sum(entry.size for entry in chosen.values()) + segment.size
        if segment.name not in chosen and (len(chosen) >= limits.files or total > limits.size_bytes):
            break
        chosen.setdefault(segment.name, segment)
    return list(chosen.values())


def _carried_out(order: _Order) -> str:
    """Be the executor: give up all other rights, then remove. Return what was done as JSON."""
    with opened(order.receipts, order.why.host) as book, opened_root(order.folder) as root:
        # The receipts are open already: their folder need not be writable, so the rest of the agent's state is safe as well.
        done = Purged(landlock=restrict_to([root]), openat2=kept_by_kernel())
        book.settle()
        require_no_tripwire(root, order.folder)
        for start in range(0, len(order.segments), MOST_INTENTS):
            if done.stopped or done.alarms:
                break
            _purge_some(root, order.segments[start : start + MOST_INTENTS], book, order, done)
    return json.dumps(asdict(done))


def _purge_some(root: int, segments: Sequence[Segment], book: Book, order: _Order, done: Purged) -> None:
    targets = _targets(root, segments, order.whole, done)
    try:
        free, why = _free(root), order.why
        folder = str(order.folder)
        intents = [intent_of(target.segment, folder, why.rule, why.stage.name.lower(), free) for target in targets]
        results = [_removed(root, target, intent, done) for target, intent in zip(targets, book.intend(intents), strict=True)]
        # A removal that a power cut could take back must not be called done.
        os.fsync(root)
        done.receipts.extend(book.append(results))
        book.top_up()
    except (HostError, OSError) as error:
        if not done.receipts:
            raise
        done.stopped = str(error)


def _targets(root: int, segments: Sequence[Segment], whole: bool, done: Purged) -> list[Target]:
    targets = []
    for segment in segments:
        try:
            targets.append(looked_at(root, segment, whole=whole))
        except NodeopsError as error:
            done.refused.append((shown(segment.name), error.what))
    return targets


def _removed(root: int, target: Target, intent: Receipt, done: Purged) -> Receipt:
    fate = target.remove(root)
    target.close()
    if fate.alarm:
        done.alarms.append(f"{target.segment.name}: {fate.note}")
    return settled(intent, fate.state, fate.note, _free(root) if fate.state == "done" else None)


def _free(root: int) -> int:
    facts = os.fstatvfs(root)
    return facts.f_bavail * facts.f_frsize
