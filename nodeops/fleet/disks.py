"""What hosts say of their disks, as one table: the fullest filesystem of each, and every finding that does not pass. Pure."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.core.units import size
from nodeops.disk.model import Stage
from nodeops.disk.view import bar
from nodeops.fleet.answer import Figure, SaidFinding
from nodeops.fleet.reply import Reply, State, json_text, one_line, parsed

COLUMNS = ("node", "fullest", "used", "", "free", "stage", "forecast", "log", "sealed")
_CELL_CHARACTERS = 40
_Percent = Annotated[float, Field(ge=0, le=100)]


class _Forecast(BaseModel):
    text: str


class DiskPlace(BaseModel):
    """One filesystem as its host's guard saw it; sizes in bytes."""

    mount: str
    used_percent: _Percent
    free: Figure
    stage: Literal["normal", "watch", "low", "high", "flood", "critical"]
    forecast: _Forecast

    @property
    def rank(self) -> tuple[Stage, float]:
        """Return how bad it is."""
        return Stage[self.stage.upper()], self.used_percent


class _Log(BaseModel):
    live_bytes: Figure
    sealed_bytes: Figure


class DiskAnswer(BaseModel):
    """What `nodeops disk status --json` answers, as far as it is shown. A host may send anything: it is checked."""

    filesystems: Annotated[list[DiskPlace], Field(min_length=1)]
    log: _Log
    findings: list[SaidFinding]

    @property
    def fullest(self) -> DiskPlace:
        """Return the filesystem in the worst stage, and the fullest of those."""
        return max(self.filesystems, key=lambda one: one.rank)


def answer_of(reply: Reply) -> DiskAnswer | str:
    """Return what a host said, or in a line why that is nothing. A host whose own findings fail leaves with 1."""
    if reply.state is not State.ANSWERED:
        return one_line(f"{reply.state.value}: {reply.error}", 200)
    try:
        return DiskAnswer.model_validate(parsed(json_text(reply.stdout) or ""))
    except ValidationError:
        return one_line(f"exit code {reply.exit_code}: {reply.stderr or 'no valid answer'}", 200)


def disks_report(replies: Sequence[Reply]) -> Result:
    """Return the whole answer: a row for each host, and what is wrong."""
    answers = {reply.node: answer_of(reply) for reply in replies}
    data: dict[str, Any] = {
        node: {"error": said} if isinstance(said, str) else said.model_dump(mode="json") for node, said in answers.items()
    }
    table = Table(COLUMNS, [_row(node, said) for node, said in answers.items()])
    findings = [one for node, said in answers.items() for one in _findings(node, said)]
    return Result({"nodes": data}, tables=[table], findings=findings)


def _row(node: str, said: DiskAnswer | str) -> Sequence[str]:
    if isinstance(said, str):
        return (node, said, *[""] * (len(COLUMNS) - 2))
    one, log = said.fullest, said.log
    mount, forecast = (one_line(text, _CELL_CHARACTERS) for text in (one.mount, one.forecast.text))
    filled = (bar(one.used_percent), f"{one.used_percent:.1f} %", size(one.free))
    return (node, mount, *filled, one.stage, forecast, size(log.live_bytes), size(log.sealed_bytes))


def _findings(node: str, said: DiskAnswer | str) -> Iterator[Finding]:
    """Yield what a host found wrong, named after it; silence of a host is wrong too."""
    if isinstance(said, str):
        hint = "nodeops fleet status says more; ansible-playbook site.yml installs the guard"
        yield Finding(f"{node}.disk", Verdict.FAIL, "the guard's status", said, hint)
        return
    for one in said.findings:
        if one.verdict is not Verdict.PASS:
            texts = (one_line(text, 200) for text in (one.expected, one.actual, one.hint))
            yield Finding(f"{node}.{one_line(one.id, 60)}", one.verdict, *texts)
