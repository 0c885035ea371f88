"""The answer of `nodeops fleet status`: the table, what is wrong with hosts, and the network's verdict. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.fleet.answer import Answer
from nodeops.fleet.table import NOT_MANAGED, Seen, fitted, fleet_table, state_of, votes_of
from nodeops.ledger.network.judge import NetworkView, judge


def fleet_report(seen: Seen, extra: tuple[Finding, ...] = ()) -> Result:
    """Return the whole answer. `extra` are findings on what this controller itself holds."""
    view = judge(seen.consortium, seen.statuses, seen.published)
    return Result(
        data={"network": view.as_dict(), "nodes": _nodes(seen, view)},
        tables=[fleet_table(seen, view)],
        lines=["", f"network: {view.summary}", *_troubles(seen.answers)],
        findings=[*view.findings, *extra],
    )


def for_people(result: Result, characters: int) -> Result:
    """Return the result for a screen so wide: findings that pass are folded into one line, they would hide the others."""
    open_ones = [finding for finding in result.findings if finding.verdict is not Verdict.PASS]
    passed = f"{len(result.findings) - len(open_ones)} of {len(result.findings)} findings pass"
    tables = [fitted(table, characters) for table in result.tables]
    return replace(result, tables=tables, findings=open_ones, lines=[*result.lines, passed])


def _nodes(seen: Seen, view: NetworkView) -> dict[str, object]:
    return {
        row.name: {
            "organisation": row.organisation,
            "managed": row.name in seen.answers,
            **seen.answers.get(row.name, Answer(row.name, state=NOT_MANAGED)).as_dict(),
            "state": state_of(seen, row),
            "signing": row.signed or votes_of(seen, row.name),
        }
        for row in view.rows
    }


def _troubles(answers: Mapping[str, Answer]) -> Iterator[str]:
    for name, answer in sorted(answers.items()):
        if answer.status is None and not answer.waiting:
            yield f"{name}: {answer.state}: {answer.error}" + (f"\n  do: {answer.hint}" if answer.hint else "")
