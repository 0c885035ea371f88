"""What every node's exporter and the monitor's Alertmanager say, as one live table: who is ill, and what of. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.disk.model import Stage
from nodeops.disk.policy.forecast import duration
from nodeops.fleet.reply import Reply, State, json_text, one_line, parsed
from nodeops.mesh.view import milliseconds
from nodeops.metrics.catalogue import PREFIX

COLUMNS = ("node", "height", "behind", "missed", "margin", "rtt p99", "lost", "disk", "full in", "alerts")
ALERT_COLUMNS = ("alert", "severity", "where", "for", "what")
# How far back `missed` and `lost` count, seconds: long enough for a probe a second to say something of one in a hundred.
WINDOW_SECONDS = 120.0
_UNKNOWN, _TROUBLE_CHARACTERS, _CELL_CHARACTERS = "-", 200, 60
_SEVERITIES = ("critical", "warning", "info")


class _Value(BaseModel):
    name: str
    labels: dict[str, str]
    value: Annotated[float, Field(allow_inf_nan=False)]


class _Answer(BaseModel):
    values: list[_Value]


class Alert(BaseModel):
    """One alert as Alertmanager tells it (`amtool alert query --output=json`)."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    since: Annotated[AwareDatetime, Field(alias="startsAt")]

    @property
    def rank(self) -> tuple[int, str, str]:
        """Return where it stands in the list: the worst first."""
        severity = self.labels.get("severity", "")
        place = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
        return place, self.labels.get("alertname", ""), self.labels.get("node", "")


@dataclass(frozen=True)
class Metrics:
    """What one host exports."""

    values: Sequence[_Value]

    def all(self, name: str, **labels: str) -> list[float]:
        """Return the values of a metric, those that have these labels."""
        return [one.value for one in self.values if one.name == PREFIX + name and labels.items() <= one.labels.items()]

    def one(self, name: str) -> float | None:
        """Return the value of a metric that has one; None when it is not exported just now."""
        return next(iter(self.all(name)), None)


@dataclass
class Counted:
    """Counters of each node over the last two minutes: what they have grown by, whatever they began with."""

    samples: dict[str, list[tuple[float, dict[str, float]]]] = field(default_factory=dict)

    def note(self, node: str, now: float, counters: dict[str, float]) -> None:
        """Take a sample at `now`, seconds of a clock that does not jump. Counters that shrink began anew with their host."""
        kept = self.samples.get(node, [])
        if kept and any(value < kept[-1][1].get(name, 0) for name, value in counters.items()):
            kept = []
        if not kept or kept[-1][0] < now:
            self.samples[node] = [*(one for one in kept if one[0] >= now - WINDOW_SECONDS), (now, counters)]

    def growth(self, node: str, name: str) -> float | None:
        """Return by how much a counter grew; None before there are two samples."""
        kept = self.samples.get(node, [])
        if len(kept) < 2 or any(name not in sample for _, sample in (kept[0], kept[-1])):
            return None
        return kept[-1][1][name] - kept[0][1][name]


_COUNTERS = ("consensus_signed_total", "consensus_missed_total", "mesh_probes_sent_total", "mesh_probes_lost_total")


def metrics_of(reply: Reply) -> Metrics | str:
    """Return what a host exports, or in a line why that is not known."""
    if reply.state is not State.ANSWERED:
        return one_line(f"{reply.state.value}: {reply.error}", _TROUBLE_CHARACTERS)
    try:
        return Metrics(_Answer.model_validate(parsed(json_text(reply.stdout) or "")).values)
    except ValidationError:
        return one_line(f"exit code {reply.exit_code}: {reply.stderr or 'no valid answer'}", _TROUBLE_CHARACTERS)


def alerts_of(reply: Reply) -> list[Alert] | str:
    """Return what fires by one monitor, or in a line why that is not known."""
    if reply.state is not State.ANSWERED:
        return one_line(f"{reply.state.value}: {reply.error}", _TROUBLE_CHARACTERS)
    try:
        return TypeAdapter(list[Alert]).validate_python(parsed(reply.stdout))
    except ValidationError:
        return one_line(f"exit code {reply.exit_code}: {reply.stderr or 'no valid answer'}", _TROUBLE_CHARACTERS)


def counters_of(said: Metrics) -> dict[str, float]:
    """Return the sums of the counters that are shown over time."""
    return {name: sum(said.all(name)) for name in _COUNTERS if said.all(name)}


def top_report(
    nodes: Sequence[str],
    hosts: Mapping[str, Metrics | str],
    monitors: Mapping[str, list[Alert] | str],
    counted: Counted,
    now: datetime,
) -> Result:
    """Return the whole screen: a row for each of the nodes, what fires, and who gave no answer."""
    firing = sorted(_firing(monitors), key=lambda one: one.rank)
    table = Table(COLUMNS, [_row(node, hosts.get(node), firing, counted) for node in nodes])
    alerts = Table(ALERT_COLUMNS, [_alert_row(one, now) for one in firing])
    data: dict[str, Any] = {
        "nodes": [dict(zip(COLUMNS, row, strict=True)) for row in table.rows],
        "alerts": [one.model_dump(mode="json", by_alias=True) for one in firing],
    }
    findings = [*_silent("exporter", hosts), *_silent("monitor", monitors)]
    lines = ["", _summary(firing, monitors)]
    return Result(data, tables=[table, *([alerts] if firing else [])], lines=lines, findings=findings)


def _firing(monitors: Mapping[str, list[Alert] | str]) -> Iterator[Alert]:
    """Yield what fires, once though several monitors say so. The one that always fires says that alerts arrive, nothing else."""
    seen = set()
    for said in monitors.values():
        for one in said if isinstance(said, list) else ():
            name = tuple(sorted((key, text) for key, text in one.labels.items() if key != "monitor"))
            if one.labels.get("alertname") != "DeadMansSwitch" and name not in seen:
                seen.add(name)
                yield one


def _summary(firing: Sequence[Alert], monitors: Mapping[str, list[Alert] | str]) -> str:
    if not any(isinstance(said, list) for said in monitors.values()):
        return "alerts: not known, no monitor of yours answers" if monitors else "alerts: not known, you have no monitor"
    return f"{len(firing)} alerts fire" if firing else "no alert fires"


def _row(node: str, said: Metrics | str | None, firing: Sequence[Alert], counted: Counted) -> Sequence[str]:
    own = sum(1 for one in firing if one.labels.get("node") == node)
    if not isinstance(said, Metrics):
        return (node, said or "asking", *[""] * (len(COLUMNS) - 3), str(own or ""))
    if said.one("ledger_up") == 0:
        chain: Sequence[str] = ("ledger down", *[_UNKNOWN] * 3)
    else:
        missed = _share(counted, node, "consensus_missed_total", ("consensus_missed_total", "consensus_signed_total"))
        chain = (_whole(said.one("ledger_height_blocks")), _whole(said.one("ledger_lag_blocks")), missed,
                 _whole(said.one("quorum_margin_power")))  # fmt: skip
    lost = _share(counted, node, "mesh_probes_lost_total", ("mesh_probes_sent_total",))
    return (node, *chain, _slowest(said), lost, _fullest(said), _soonest(said), str(own or ""))


def _whole(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.0f}"


def _share(counted: Counted, node: str, name: str, of: Iterable[str]) -> str:
    """Return what a counter grew by, of the growth of others."""
    part, parts = counted.growth(node, name), [counted.growth(node, one) for one in of]
    whole = sum(one for one in parts if one is not None)
    return _UNKNOWN if part is None or not whole else f"{part:.0f}/{whole:.0f}"


def _slowest(said: Metrics) -> str:
    """Return the slowest path of a node, and how many of its peers answer nothing."""
    slowest = max(said.all("mesh_rtt_seconds", quantile="0.99"), default=None)
    silent = said.all("mesh_peer_up").count(0.0)
    text = milliseconds(slowest)
    return f"{text}, {silent} silent" if silent else text


def _fullest(said: Metrics) -> str:
    used, stage = max(said.all("disk_used_ratio"), default=None), max(said.all("disk_stage"), default=0.0)
    text = _UNKNOWN if used is None else f"{used:.0%}"
    known = {one.value: one.name.lower() for one in Stage}
    return f"{text} {known.get(int(stage), stage)}" if stage else text


def _soonest(said: Metrics) -> str:
    soonest = min(said.all("disk_time_to_full_seconds"), default=None)
    return _UNKNOWN if soonest is None else duration(soonest)


def _alert_row(one: Alert, now: datetime) -> Sequence[str]:
    labels = one.labels
    where = labels.get("node") or labels.get("instance") or labels.get("organisation", "")
    words = (labels.get("alertname", ""), labels.get("severity", ""), where)
    what = one.annotations.get("summary", "")
    lasted = duration(max(0.0, (now - one.since).total_seconds()))
    return (*(one_line(word, _CELL_CHARACTERS) for word in words), lasted, one_line(what, 2 * _CELL_CHARACTERS))


def _silent(kind: str, answers: Mapping[str, Any]) -> Iterator[Finding]:
    book = {"exporter": "playbooks/exporter.yml", "monitor": "playbooks/monitoring.yml"}
    for name, said in answers.items():
        if isinstance(said, str):
            hint = f"nodeops fleet status says more; ansible-playbook {book[kind]} sets it up"
            yield Finding(f"{name}.{kind}", Verdict.FAIL, f"what its {kind} says", said, hint)
