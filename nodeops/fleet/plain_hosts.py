"""What monitors and repositories say of themselves, as one table: how they are guarded, and whose logs come. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.document.models import Consortium, Monitor, Repository
from nodeops.fleet.answer import SaidFinding
from nodeops.fleet.reply import Reply, State, json_text, one_line, parsed

GUARDS = ("firewall", "hardening", "patches", "logs")
COLUMNS = ("host", "runs", "organisation", "site", "state", *GUARDS)
_HINT = "site.yml makes it what the consortium file says"
_NOTHING, _CELL_CHARACTERS = "-", 24


class HostAnswer(BaseModel):
    """What `nodeops status --json` answers on a host without a ledger, as far as it is shown: it may send anything."""

    kind: str
    name: str
    guards: dict[str, str]
    findings: list[SaidFinding] = []


def hosts_of(consortium: Consortium, organisations: Sequence[str]) -> dict[str, Monitor | Repository]:
    """Return the monitors and repositories of some organisations, by name."""
    found: dict[str, Monitor | Repository] = {**consortium.monitors, **consortium.repositories}
    return {name: host for name, host in sorted(found.items()) if host.organisation in organisations}


def answer_of(reply: Reply) -> HostAnswer | str:
    """Return what a host said, or in a line why that is nothing. A host whose own findings fail leaves with 1."""
    if reply.state is not State.ANSWERED:
        return one_line(f"{reply.state.value}: {reply.error}", 200)
    try:
        said = HostAnswer.model_validate(parsed(json_text(reply.stdout) or ""))
    except ValidationError:
        return one_line(reply.stderr or f"exit code {reply.exit_code}: no valid answer", 200)
    return said if said.name == reply.node else one_line(f"the host says that it is {said.name}", 200)


def hosts_report(hosts: Mapping[str, Monitor | Repository], replies: Sequence[Reply]) -> Result:
    """Return the whole answer: a row for each host, and what is wrong."""
    answers = {reply.node: answer_of(reply) for reply in replies}
    data = {name: {"error": said} if isinstance(said, str) else said.model_dump(mode="json") for name, said in answers.items()}
    table = Table(COLUMNS, [_row(name, hosts[name], said) for name, said in answers.items()])
    lines = [] if hosts else ["your organisation has no monitor and no repository"]
    findings = [one for name, said in answers.items() for one in _findings(name, said)]
    return Result({"hosts": data}, tables=[table] if hosts else [], lines=lines, findings=findings)


def _row(name: str, host: Monitor | Repository, said: HostAnswer | str) -> Sequence[str]:
    runs = "monitor" if isinstance(host, Monitor) else "repository"
    guards = {} if isinstance(said, str) else said.guards
    state = "no answer" if isinstance(said, str) else "answers"
    cells = (runs, host.organisation, host.site, state, *(guards.get(guard) for guard in GUARDS))
    return (name, *(one_line(cell or _NOTHING, _CELL_CHARACTERS) for cell in cells))


def _findings(name: str, said: HostAnswer | str) -> Iterator[Finding]:
    """Yield what a host found wrong, named after it; silence of a host is wrong too."""
    if isinstance(said, str):
        yield Finding(f"{name}.status", Verdict.FAIL, "the host says how it is", said, _HINT)
        return
    for one in said.findings:
        if one.verdict is not Verdict.PASS:
            yield Finding(
                f"{name}.{one_line(one.id, 60)}",
                one.verdict,
                *(one_line(text, 200) for text in (one.expected, one.actual, one.hint)),
            )
