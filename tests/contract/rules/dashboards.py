"""Dashboards: every panel can be read by a person, provisioned to any Grafana, and drawn on its grid."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.rules.tree import ours

FOLDER = "roles/dashboards/files"
# Kinds of panels that are rendered without a Grafana server; none of them is Angular's.
KINDS = {"bargauge", "stat", "table", "timeseries"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRID = 24


def dashboards(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each dashboard by the name of its file."""
    for path in ours(root / FOLDER, "*.json"):
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))


def faults(root: Path) -> Iterator[str]:
    """Yield what a person, a Grafana, or another dashboard would stumble over."""
    for name, found in dashboards(root):
        panels = [panel for panel in found["panels"] if panel["type"] != "row"]
        yield from (f"{name} {problem}" for problem in _frame(name, found))
        for panel in panels:
            yield from (f"{name}, {panel.get('title', '?')}: {problem}" for problem in _panel(panel))
        if len({panel["id"] for panel in panels}) < len(panels) or len({panel["title"] for panel in panels}) < len(panels):
            yield f"{name} has two panels of one id or one title"


def _frame(name: str, found: dict[str, Any]) -> Iterator[str]:
    if found.get("uid") != name:
        yield f"has the uid {found.get('uid')}: links and provisioning go by the name of its file"
    if not found.get("description") or found.get("editable") is not False or found.get("id") is not None:
        yield "has no description, can be edited, or has the id of one server"
    if next((one["type"] for one in found["templating"]["list"]), "") != "datasource":
        yield "does not begin with the choice of a data source"


def _panel(panel: dict[str, Any]) -> Iterator[str]:
    place = panel["gridPos"]
    if panel["type"] not in KINDS:
        yield f"is a {panel['type']}, which cannot be rendered here"
    if not panel.get("description") or not panel.get("title"):
        yield "has no title or no description"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "has no unit"
    if place.get("x", 0) + place["w"] > GRID:
        yield "is wider than the grid"
    if any(one.get("datasource") != SOURCE for one in (panel, *panel["targets"])):
        yield "does not ask the data source that is chosen"
    if not panel["targets"]:
        yield "asks nothing"
