"""Judge what a drill found in a restored backup, beside what the chain proves. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from nodeops.backup.policy import SKEW, Snapshot, height_of
from nodeops.backup.restore.plan import OTHER_ORGANISATIONS, Block, Mark
from nodeops.core.errors import Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.core.units import size

_SHOWN = 3


@dataclass(frozen=True)
class Drilled:
    """What a drill found. `files` are digests by path, `state` the signing state, None where it cannot be read.

    `claimed` is when the backup says that it was made, `doubted` what speaks against its being the newest.

    `block` is the proven block of the height in the tags and `app_hash` what its header says of the application's state;
    None where the chain here no longer has them, or has nothing after it yet. `tip` is the chain's height. `keys` says in a word
    how the archive of the keys is: "intact", "none", or what is wrong with it. `others` is how many other organisations have
    validators.
    """

    organisation: str
    wanted: Sequence[str]
    files: Mapping[str, str]
    tags: Mapping[str, str]
    claimed: datetime
    state: Mark | None
    same_genesis: bool
    tip: int
    block: Block | None = None
    app_hash: str | None = None
    keys: str = "intact"
    others: int = OTHER_ORGANISATIONS
    doubted: Sequence[str] = ()


def require_room(needed: int, free: int, reserve: int, where: str) -> None:
    """Raise Refused unless a filesystem has its reserve left when so many bytes are written."""
    if free - needed < reserve:
        text = f"a drill writes {size(needed)}, {size(free)} are free, and {size(reserve)} must stay so"
        raise Refused(text, where=where, hint="make room: nodeops disk status")


def judge(found: Drilled) -> Iterator[Finding]:
    """Yield a finding for each thing that a backup must be."""
    yield _files(found)
    yield _state(found)
    good = Verdict.PASS if found.same_genesis else Verdict.FAIL
    actual = "the same" if found.same_genesis else "another"
    yield Finding("drill.genesis", good, "the genesis of this host", actual, "see whose repository backup.env names")
    yield from _chain(found)
    yield _newest(found)
    yield _keys(found)


def _files(found: Drilled) -> Finding:
    missing = [path for path in found.wanted if not any(PurePosixPath(one).is_relative_to(path) for one in found.files)]
    verdict = Verdict.FAIL if missing else Verdict.PASS
    actual = f"not there: {', '.join(missing)}" if missing else f"{len(found.files)} files, read back and compared"
    return Finding("drill.files", verdict, "every path of a backup", actual, "nodeops backup run; nodeops backup verify")


def _state(found: Drilled) -> Finding:
    expected = f"at most one above the tip, {found.tip}"
    if found.state is None:
        return Finding("drill.signing_state", Verdict.FAIL, expected, "cannot be read", "nodeops backup run")
    # A validator votes on the block after the tip.
    verdict = Verdict.PASS if found.state.height <= found.tip + 1 else Verdict.FAIL
    return Finding("drill.signing_state", verdict, expected, str(found.state), "see whose backup this is: nodeops backup list")


def _chain(found: Drilled) -> Iterator[Finding]:
    """Compare the tags with what validators of other organisations signed: their signatures are their word."""
    # Where there are fewer, all of them.
    wanted = min(OTHER_ORGANISATIONS, found.others)
    expected = f"block and application as validators of {wanted} other organisations signed them"
    if "height" not in found.tags:
        yield Finding("drill.block", Verdict.WARN, expected, "the ledger did not answer when this backup was made", "run another")
        return
    if found.block is None or found.app_hash is None:
        text = f"this host does not have the blocks {found.tags['height']} and the next"
        yield Finding("drill.block", Verdict.WARN, expected, text, "run it again when it has")
        return
    others = found.block.signers - {found.organisation}
    wrong = [
        *(["the block"] if found.block.hash != found.tags.get("block") else []),
        *(["the application's state"] if found.app_hash != found.tags.get("app") else []),
    ]
    verdict = Verdict.FAIL if wrong or len(others) < wanted else Verdict.PASS
    said = f"{' and '.join(wrong)} of height {found.block.height} is another" if wrong else f"height {found.block.height}"
    yield Finding("drill.block", verdict, expected, f"{said}, signed by {', '.join(sorted(others)) or 'nobody else'}", "")


def lacking_seconds(found: Drilled, now: datetime) -> float:
    """Return how much work the backup lacks (RPO): since its proven block, since the time that it claims where there is none."""
    since = datetime.fromtimestamp(found.block.seconds, UTC) if found.block else found.claimed
    return max(0.0, round((now - since).total_seconds(), 1))


def doubts(there: Sequence[Snapshot], found: Snapshot, tip: int, now: datetime) -> Iterator[str]:
    """Yield what speaks against a backup's being the newest: others that claim a later time, or a block that is not there yet."""
    for one in there:
        height = height_of(one.tags.get("height", "0"))
        if not 0 <= height <= tip:
            yield f"{one.id} claims a block that the chain does not have"
        elif one.time > now + SKEW:
            yield f"{one.id} claims to be of {one.time:%Y-%m-%d %H:%M}, which is to come"
        elif one.time > found.time:
            yield f"{one.id} claims a later time and an earlier block"


def _newest(found: Drilled) -> Finding:
    """A clock that was wrong, or somebody who writes what they like, is told; the block decides, and the backup may be good."""
    expected = "the newest by its block is the newest by its time, and was made when its block was"
    said = list(found.doubted)
    if found.block and abs(found.claimed - (made := datetime.fromtimestamp(found.block.seconds, UTC))) > SKEW:
        said.append(f"it claims to be of {found.claimed:%Y-%m-%d %H:%M}, its block is of {made:%Y-%m-%d %H:%M}")
    more = f", and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    actual = "; ".join(said[:_SHOWN]) + more if said else "it is"
    hint = "see whose clock was wrong, whether the chain stood still, and who wrote these: nodeops backup list"
    return Finding("drill.newest", Verdict.WARN if said else Verdict.PASS, expected, actual, hint if said else "")


def _keys(found: Drilled) -> Finding:
    """An archive that was lost is found here; whether an admin can open it is tried where that admin's key is."""
    verdict = {"intact": Verdict.PASS, "none": Verdict.WARN}.get(found.keys, Verdict.FAIL)
    hint = "nodeops backup keys --ensure, which the role backup runs"
    return Finding("drill.keys", verdict, "the archive of this node's keys is as it was written", found.keys, hint)
