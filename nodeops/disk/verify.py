"""Prove that no byte is missing: segments, receipts of purged ones and the live log cover the stream. Changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.disk.policy.policy import Policy
from nodeops.disk.purge.roots import strangers
from nodeops.disk.rotators import rotator_finding
from nodeops.host.beneath import Gone
from nodeops.logstore.intents import Record, lost, read_record
from nodeops.logstore.naming import STREAM, Cover, Segment, cover, range_of, segment_name
from nodeops.logstore.segment import check
from nodeops.receipts import book

_MOST_SHOWN = 5


@dataclass(frozen=True)
class Proof:
    """What was proved. `covered` are the bytes of the stream from its beginning to the end of the live log."""

    covered: int
    segments: int
    receipts: int
    head: str
    findings: tuple[Finding, ...]

    def data(self) -> dict[str, Any]:
        """Return it for machines; `head` is the digest that others may keep as evidence."""
        return {"covered": self.covered, "segments": self.segments, "receipts": self.receipts, "receipts_head": self.head}


def verified(policy: Policy) -> Proof:
    """Read every segment and every receipt. Raise HostError when the journal or a folder cannot be read."""
    record, folder = read_record(Path(policy.journal_file)), Path(policy.log.sealed)
    names = sorted(path.name for path in folder.iterdir() if _is_of_stream(path.name))
    good: list[Segment] = []
    damaged = dict(_damaged(folder, names, good))
    file = Path(policy.receipts_file)
    count, head, problems = book.verify(file)
    # Read after the segments: what was purged meanwhile has a receipt by now.
    purged = {(one.start, one.end) for one in book.receipts(file) if one.state == "done" and one.stream == STREAM}
    seen = cover([*((one.start, one.end) for one in good), *purged, *((one.start, one.end) for one in record.gaps)], record.base)
    found = (
        _contiguous(seen, record),
        _gaps(record),
        _whole(damaged),
        _chained(problems),
        _strange(strangers(folder, None)),
        _rotators(policy),
    )
    return Proof(record.base + record.size, len(good), count, head.digest, found)


def _is_of_stream(name: str) -> bool:
    found = range_of(name)
    return found is not None and found[0] == STREAM


def _damaged(folder: Path, names: list[str], good: list[Segment]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            good.append(check(folder / name))
        except Gone:
            continue
        except NodeopsError as error:
            yield name, error.what


def _contiguous(seen: Cover, record: Record) -> Finding:
    expected = f"bytes 0 to {record.base} are each sealed once, or purged with a receipt"
    wrong = [f"missing {start} to {end}" for start, end in seen.missing]
    # Twice is how an unclear crash ends: never lost, and said here.
    twice = [f"twice {start} to {end}" for start, end in seen.twice]
    verdict = Verdict.FAIL if wrong else Verdict.WARN if twice else Verdict.PASS
    return Finding("disk.contiguous", verdict, expected, _shown([*wrong, *twice]) or "they are")


def _gaps(record: Record) -> Finding:
    said = [lost(gap) for gap in record.gaps]
    verdict = Verdict.FAIL if record.gaps_total else Verdict.PASS
    hint = "what is lost stays lost, and stays here as evidence; find out who did it" if said else ""
    return Finding("disk.gaps", verdict, "nobody replaced or shortened the log", _shown(said) or "nobody did", hint)


def _rotators(policy: Policy) -> Finding:
    return rotator_finding([policy.log.live, f"{policy.log.sealed}/{segment_name(STREAM, 0, 1)}"])


def _whole(damaged: dict[str, str]) -> Finding:
    said = [f"{name}: {what}" for name, what in damaged.items()]
    hint = "fetch it from where it was shipped to" if said else ""
    verdict = Verdict.FAIL if said else Verdict.PASS
    return Finding("disk.segments", verdict, "every segment is whole", _shown(said) or "all are", hint)


def _chained(problems: list[str]) -> Finding:
    verdict = Verdict.FAIL if problems else Verdict.PASS
    return Finding("disk.receipts", verdict, "the receipts are one chain", _shown(problems) or "they are")


def _strange(names: list[str]) -> Finding:
    verdict = Verdict.WARN if names else Verdict.PASS
    return Finding("disk.strangers", verdict, "only segments lie in the folder of segments", _shown(names) or "it is so")


def _shown(texts: list[str]) -> str:
    more = len(texts) - _MOST_SHOWN
    return "; ".join(texts[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")
