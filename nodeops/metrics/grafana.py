"""A Grafana judged by what it answers: does it have our data source and dashboards, and does each query say something? Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict

SOURCE = "nodeops"
_PROVISION = "ansible-playbook playbooks/dashboards.yml"
# What a person would choose, at its widest; Grafana itself fills in the rest.
_CHOSEN = {"$network": ".*", "$node": ".*"}


@dataclass(frozen=True)
class Answer:
    """Status of an HTTP answer (0: none came, `body` says why) and the JSON it held."""

    status: int
    body: Any


@dataclass(frozen=True)
class Page:
    """One dashboard of ours: its uid, and the queries of each panel by its title."""

    uid: str
    panels: Mapping[str, tuple[str, ...]]


def page(name: str, text: str) -> Page:
    """Return what a dashboard's JSON asks. Raise InputError for a file that is none."""
    try:
        found = json.loads(text)
        asking = [panel for panel in found["panels"] if panel["type"] != "row"]
        return Page(found["uid"], {one["title"]: tuple(target["expr"] for target in one["targets"]) for one in asking})
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no dashboard: {error!r}", where=name, hint="make dashboards") from error


def asking(query: str) -> dict[str, Any]:
    """Return the body of a request that asks one query through Grafana, of the end of the last hour."""
    for name, value in _CHOSEN.items():
        query = query.replace(name, value)
    one = {"refId": "A", "datasource": {"type": "prometheus", "uid": SOURCE}, "expr": query, "instant": True, "range": False}
    return {"from": "now-1h", "to": "now", "queries": [{**one, "format": "table", "intervalMs": 15000, "maxDataPoints": 500}]}


def judged_health(answer: Answer) -> Finding:
    """Judge the server itself."""
    works = answer.status == 200 and answer.body.get("database") == "ok"
    actual = f"version {answer.body.get('version', '?')}" if works else _said(answer)
    hint = "" if works else "systemctl status grafana-server"
    return Finding("grafana.health", _verdict(works), "the server and its database work", actual, hint)


def judged_source(answer: Answer) -> Finding:
    """Judge Grafana's own check of our data source."""
    works = answer.status == 200 and answer.body.get("status") == "OK"
    actual = "answers" if works else _said(answer)
    return Finding("grafana.data-source", _verdict(works), f"{SOURCE} answers Grafana", actual, "" if works else _PROVISION)


def judged_page(wanted: Page, answer: Answer) -> Finding:
    """Judge a dashboard by its uid: it is there, and asks what ours asks."""
    actual = _said(answer)
    if answer.status == 200:
        try:
            there = page(wanted.uid, json.dumps(answer.body["dashboard"]))
            differ = sorted(
                title for title in {*wanted.panels, *there.panels} if wanted.panels.get(title) != there.panels.get(title)
            )
            actual = f"other queries in: {', '.join(differ)}" if differ else "as we have it"
        except (InputError, KeyError, TypeError):
            actual = "is there, and no dashboard that can be read"
    good = actual == "as we have it"
    return Finding(f"dashboard.{wanted.uid}", _verdict(good), "as we have it", actual, "" if good else _PROVISION)


def judged_panel(uid: str, title: str, answers: list[Answer]) -> Finding:
    """Judge one panel: every query is understood. A panel without data may wait for its event: a warning."""
    faults, values = list(_faults(answers)), sum(_values(answer) for answer in answers)
    verdict = Verdict.FAIL if faults else Verdict.PASS if values else Verdict.WARN
    actual = "; ".join(faults) or (f"{values} values" if values else "no data")
    hint = {Verdict.FAIL: "ask Prometheus itself", Verdict.WARN: "a panel may wait for its event: docs/dashboards.md"}.get(
        verdict, ""
    )
    return Finding(f"panel.{uid}.{title}", verdict, "says something", actual, hint)


def _faults(answers: list[Answer]) -> Iterator[str]:
    for answer in answers:
        result = _result(answer)
        if answer.status != 200 or result.get("error"):
            yield str(result.get("error") or _said(answer))


def _values(answer: Answer) -> int:
    """Count the rows of all frames; a frame has its columns in `data.values`."""
    columns = [(frame.get("data") or {}).get("values") or [[]] for frame in _result(answer).get("frames") or []]
    return sum(len(one[0]) for one in columns)


def _result(answer: Answer) -> dict[str, Any]:
    found = answer.body.get("results", {}).get("A", {}) if isinstance(answer.body, dict) else {}
    return found if isinstance(found, dict) else {}


def _said(answer: Answer) -> str:
    if answer.status == 0:
        return f"no answer: {answer.body}"
    message = answer.body.get("message", "") if isinstance(answer.body, dict) else ""
    return f"status {answer.status}{': ' if message else ''}{message}"


def _verdict(good: bool) -> Verdict:
    return Verdict.PASS if good else Verdict.FAIL
