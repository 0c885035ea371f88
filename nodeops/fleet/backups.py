"""What hosts say of their backups, as one table, and every finding that does not pass. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.core.units import size
from nodeops.fleet.answer import Figure, Moment, SaidFinding, Seconds
from nodeops.fleet.reply import Reply, State, json_text, one_line, parsed

COLUMNS = ("node", "newest (UTC)", "age", "backups", "size", "took", "last drill")
_HINT = "nodeops backup show on that host; playbooks/backup.yml sets up what is missing"


class _Drill(BaseModel):
    time: Moment
    passed: bool
    note: str


class BackupAnswer(BaseModel):
    """What `nodeops backup status --json` answers, as far as it is shown. A host may send anything: it is checked."""

    count: Figure
    newest: Moment | None
    bytes: Figure | None
    seconds: Seconds | None
    findings: list[SaidFinding]
    drill: _Drill | None = None


def answer_of(reply: Reply) -> BackupAnswer | str:
    """Return what a host said, or in a line why that is nothing. A host whose own findings fail leaves with 1."""
    if reply.state is not State.ANSWERED:
        return one_line(f"{reply.state.value}: {reply.error}", 200)
    said = parsed(json_text(reply.stdout) or "")
    try:
        return BackupAnswer.model_validate(said)
    except ValidationError:
        error = said.get("error") if isinstance(said, dict) else None
        told = f"{error.get('where')}: {error.get('what')}" if isinstance(error, dict) else reply.stderr
        return one_line(told or f"exit code {reply.exit_code}: no valid answer", 200)


def backups_report(replies: Sequence[Reply], now: datetime) -> Result:
    """Return the whole answer: a row for each host, and what is wrong."""
    answers = {reply.node: answer_of(reply) for reply in replies}
    data: dict[str, Any] = {
        node: {"error": said} if isinstance(said, str) else said.model_dump(mode="json") for node, said in answers.items()
    }
    table = Table(COLUMNS, [_row(node, said, now) for node, said in answers.items()])
    findings = [one for node, said in answers.items() for one in _findings(node, said)]
    return Result({"nodes": data}, tables=[table], findings=findings)


def _row(node: str, said: BackupAnswer | str, now: datetime) -> Sequence[str]:
    if isinstance(said, str) or said.newest is None:
        return (node, "none", *[""] * (len(COLUMNS) - 2))
    hours = (now - said.newest).total_seconds() / 3600
    took = "" if said.seconds is None else f"{said.seconds:.1f} s"
    large = "" if said.bytes is None else size(said.bytes)
    newest = f"{said.newest:%Y-%m-%d %H:%M}"
    return (node, newest, f"{hours:.1f} h", str(said.count), large, took, _drilled(said.drill, now))


def _drilled(last: _Drill | None, now: datetime) -> str:
    """Return the drill's own words, which say how long the way back takes (RTO) and what would be lacking (RPO)."""
    return "never" if last is None else f"{(now - last.time).days} d ago: {one_line(last.note, 100)}"


def _findings(node: str, said: BackupAnswer | str) -> Iterator[Finding]:
    """Yield what a host found wrong, named after it; silence of a host is wrong too."""
    if isinstance(said, str):
        yield Finding(f"{node}.backup", Verdict.FAIL, "the node has backups", said, _HINT)
        return
    for one in said.findings:
        if one.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE):
            texts = (one_line(text, 200) for text in (one.expected, one.actual, one.hint))
            yield Finding(f"{node}.{one_line(one.id, 60)}", one.verdict, *texts)
