"""What the record verbs answer: tables for people, data for machines, findings for the exit code. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from nodeops.core.errors import HostError, Timeout
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table
from nodeops.ledger.cometbft.proof import ANOTHER_NODE, ProvenBlock
from nodeops.records.authored import Frontier, GapError
from nodeops.records.left_out import LeftOut
from nodeops.records.planned import Outcome, Plan, Writer
from nodeops.records.versions import FileDigest, History, Judgement, RecordVersion, Standing, absence, judge

# Blocks come every few seconds; a clock may differ by as much.
_STALE = timedelta(minutes=5)
_HINTS = {
    Standing.CHANGED: "do not rely on this file; if the change is meant: nodeops record add --revise",
    Standing.SUPERSEDED: "this was right once; get the newer file",
    Standing.ABSENT: "add it with nodeops record add; on a ledger for trials a node may hide it: ask one of another organisation",
    Standing.UNPROVEN: ANOTHER_NODE,
}
_IDS = {
    Standing.CHANGED: "record.changed",
    Standing.SUPERSEDED: "record.superseded",
    Standing.ABSENT: "record.absent",
    Standing.UNPROVEN: "record.unproven",
}
_LEFT_OUT = (
    "nothing is lost: blocks of others hold it; either that validator leaves this author out, or gets too late what this node"
    " hands on: compare with record add on nodes of other organisations; whose it is: identities/ on the controller"
)
_WORDS = {Plan.ADD: "added", Plan.REVISE: "revised", Plan.KEEP: "already on the ledger"}
_WOULD = {Plan.ADD: "would be added", Plan.REVISE: "would be revised", Plan.KEEP: "already on the ledger"}


@dataclass(frozen=True)
class Checked:
    """One verified file, and what is odd under its key. The history itself is not kept: it may be long, and files many."""

    file: FileDigest
    judgement: Judgement
    warnings: Sequence[Finding] = ()
    gap: bool = False


def check(file: FileDigest, found: History | HostError | Timeout) -> Checked:
    """Return how a file stands against what a node showed and proved, or failed to prove."""
    if isinstance(found, History):
        return Checked(file, judge(file, found), _oddities(file.key, found))
    reason = f"{file.key} cannot be proven: {found.where}: {found.what}"
    return Checked(file, Judgement(Standing.UNPROVEN, None, reason, found.hint), gap=isinstance(found, GapError))


def verified(checked: Sequence[Checked], frontier: Frontier | None, now: datetime) -> Result:
    """Return the answer of `record verify`. Up to `frontier` nothing can be missing."""
    rows = [(one.file.name, _verdict(one.judgement.standing), *_version_cells(one.judgement.version)) for one in checked]
    table = Table(("file", "verdict", "height", "time (UTC)", "written by", "signed power"), rows)
    findings = [_finding(one) for one in checked if one.judgement.standing is not Standing.MATCHES]
    findings += [warning for one in checked for warning in one.warnings]
    data = {"records": [_checked_data(one) for one in checked], **_frontier_data(frontier)}
    return Result(data, [table], [*_summary(checked), *_whole(frontier)], [*findings, *_stale(frontier, now)])


def _whole(frontier: Frontier | None) -> list[str]:
    if frontier is None:
        return []
    count = len(frontier.accounts)
    return [f"nothing of {count} authors is missing up to height {frontier.height} ({_time(frontier.time)} UTC)"]


def _stale(frontier: Frontier | None, now: datetime) -> list[Finding]:
    """Judge how old the newest block is that this node shows: what came after it is not judged."""
    if frontier is None or now - datetime.fromisoformat(frontier.time) <= _STALE:
        return []
    text = f"the newest block that this node shows is of {_time(frontier.time)} UTC, height {frontier.height}"
    hint = "what came later is not judged: nodeops status says whether the chain stands; else ask a node of another organisation"
    return [Finding("record.stale", Verdict.WARN, "a block of the last minutes", text, hint)]


def _frontier_data(frontier: Frontier | None) -> dict[str, Any]:
    return {"whole_up_to": {"height": frontier.height, "time": frontier.time} if frontier else None}


def added(outcomes: Sequence[Outcome], writer: Writer, chain: str, dry_run: bool, leaving: Sequence[LeftOut] = ()) -> Result:
    """Return the answer of `record add`. `leaving` are validators whose blocks leave out what this writer hands in."""
    words = _WOULD if dry_run else _WORDS
    rows = [(one.planned.file.key, words[one.planned.plan], *_version_cells(one.version), _tx(one.version)) for one in outcomes]
    table = Table(("record", "outcome", "height", "time (UTC)", "written by", "signed power", "transaction"), rows)
    count = sum(one.planned.sends for one in outcomes)
    why = f"{count} of {len(outcomes)} records are new or revised, written by {writer.node} ({writer.organisation})"
    changes = [Change(f"ledger {chain}", why)] if count else []
    data = {"dry_run": dry_run, "records": [_outcome_data(one) for one in outcomes], "left_out": [*map(asdict, leaving)]}
    lines = [] if count else ["nothing to do: all records are on the ledger"]
    findings = [_overtaken(one) for one in outcomes if one.others]
    return Result(data, [table], lines, [*findings, *(_left_out(one, writer) for one in leaving)], changes)


def shown(key: str, history: History, frontier: Frontier | None, now: datetime) -> Result:
    """Return the answer of `record show`."""
    current = history.current
    rows = [
        (
            *_version_cells(version),
            "current" if version is current else "superseded",
            f"{version.value.size}",
            version.value.sha256,
        )
        for version in history.versions
    ]
    table = Table(("height", "time (UTC)", "written by", "signed power", "state", "bytes", "sha256"), rows, title=key)
    versions = [{**_version_data(one), "current": one is current} for one in history.versions]
    data = {"key": key, "versions": versions, **_frontier_data(frontier)}
    odd = [*_oddities(key, history), *_stale(frontier, now)]
    if not history.versions:
        absent = Finding(_IDS[Standing.ABSENT], Verdict.FAIL, "a version", absence(key, history))
        return Result(data, findings=[absent, *odd], lines=_whole(frontier))
    return Result(data, [table], _whole(frontier), odd)


def _verdict(standing: Standing) -> str:
    return "PASS" if standing is Standing.MATCHES else f"FAIL {standing.value}"


def _summary(checked: Sequence[Checked]) -> list[str]:
    matching = [one.judgement.version for one in checked if one.judgement.standing is Standing.MATCHES]
    return [f"{len(matching)} of {len(checked)} files match the ledger"]


def _finding(checked: Checked) -> Finding:
    standing = checked.judgement.standing
    name = "record.gap" if checked.gap else _IDS[standing]
    return Finding(name, Verdict.FAIL, "", checked.judgement.reason, checked.judgement.hint or _HINTS[standing])


def _oddities(key: str, history: History) -> list[Finding]:
    found = _forged(key, history)
    if history.foreign:
        text = f"{history.foreign} entries under {key} are not records and do not count"
        found.append(Finding("record.foreign", Verdict.WARN, "", text, "somebody with access to an RPC wrote them"))
    if history.missing:
        text = f"versions of {key} name an earlier one that this node does not show: {', '.join(history.missing)[:200]}"
        found.append(Finding("record.gap", Verdict.WARN, "", text, ANOTHER_NODE))
    return [*found, *_taken_over(key, history)]


def _taken_over(key: str, history: History) -> list[Finding]:
    current, before = history.current, history.replaced
    if current is None or before is None:
        return []
    now, then = (f"{one.value.node} ({one.value.organisation}) at height {_height(one)}" for one in (current, before))
    text = f"the version of {key} that counts is by {now}; before it {then} wrote one"
    hint = "ask both whether that is meant; who was there first may write a new version with --revise"
    return [Finding("record.taken_over", Verdict.WARN, "one organisation", text, hint)]


def _height(version: RecordVersion) -> int:
    return version.proven.block.height


def _forged(key: str, history: History) -> list[Finding]:
    """Say in one finding what does not count, however often somebody wrote it."""
    if not history.forged:
        return []
    count = len(history.forged) + history.more_forged
    what = "; ".join(f"that of height {one.height} {one.why}" for one in history.forged)
    text = f"{count} transactions that say they are versions of {key} do not count: {what}{'; …' if history.more_forged else ''}"
    hint = f"transactions {', '.join(one.hash for one in history.forged)}: ask whose key that is why it was used so"
    return [Finding("record.foreign_author", Verdict.WARN, "each author in its own name", text, hint)]


def _overtaken(outcome: Outcome) -> Finding:
    writers = ", ".join(sorted({f"{one.value.node} at height {one.proven.block.height}" for one in outcome.others}))
    text = f"{outcome.planned.file.key} was also written by {writers} at the same time"
    hint = "see which version counts with nodeops record show, then agree on one and use --revise"
    return Finding("record.overtaken", Verdict.WARN, "one writer", text, hint)


def _left_out(found: LeftOut, writer: Writer) -> Finding:
    who = f"{writer.node} ({writer.organisation})"
    text = (
        f"validator {found.proposer} left out what waited of {who} in each of {found.blocks} blocks that could have held it;"
        f" of others' blocks {found.held} of {found.of} held it"
    )
    return Finding("record.left_out", Verdict.WARN, "in the next block, whoever proposes it", text, _LEFT_OUT)


def _version_cells(version: RecordVersion | None) -> tuple[str, str, str, str]:
    if version is None:
        return ("", "", "", "")
    block, value = version.proven.block, version.value
    return (str(block.height), _time(block.time), f"{value.node} ({value.organisation})", f"{block.power} of {block.total_power}")


def _time(stamp: str) -> str:
    return stamp.replace("T", " ").removesuffix("Z")


def _tx(version: RecordVersion | None) -> str:
    return f"{version.proven.hash[:16]}…" if version else ""


def _checked_data(checked: Checked) -> dict[str, Any]:
    judged = checked.judgement
    version = _version_data(judged.version) if judged.version else None
    return {**_file_data(checked.file), "standing": judged.standing.value, "reason": judged.reason, "version": version}


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    version = _version_data(outcome.version) if outcome.version else None
    return {**_file_data(outcome.planned.file), "plan": outcome.planned.plan.value, "version": version}


def _file_data(file: FileDigest) -> dict[str, Any]:
    return {"file": file.name, "key": file.key, "sha256": file.sha256, "size": file.size}


def _version_data(version: RecordVersion) -> dict[str, Any]:
    signed = {"key": version.signed.key, "number": version.signed.number} if version.signed else None
    return {**version.value.model_dump(), "tx": version.proven.hash, "signed": signed, "block": _block_data(version.proven.block)}


def _block_data(block: ProvenBlock) -> dict[str, Any]:
    return {
        "height": block.height,
        "time": block.time,
        "hash": block.hash,
        "signed_power": block.power,
        "total_power": block.total_power,
        "signers": list(block.signers),
    }
