"""Dashboards: every panel can be read by a person, provisioned to any Grafana, and drawn on its grid."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.rules.tree import ours

FOLDER = "roles/dashboards/files"
# Kinds of panels that are rendered without a Grafana server; none of them is Angular's.
KINDS = {"bargauge", "stat", "table", "timeseries"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRID = 24
# What every node says of the same chain.
_OF_THE_CHAIN = re.compile(
    r"nodeops_(?:quorum_\w+|ledger_(?:head_timestamp_seconds|height_blocks|transactions_total)"
    r"|consensus_(?:block_(?:interval|pause)_seconds|lost_rounds_total))\b"
)
# Of many nodes at once, and not of what the middle one says, each of them once.
_OF_ANYBODY = re.compile(
    r"\b(?:max|min|avg|sum)(?: by \((?![^)]*\bnode\b)[^)]*\))? ?\((?!quantile by )"
    r"|\bquantile by \(network\) \((?!0\.5, (?:max|min) by \(network, node\) )"
)
# A flag that is neither 0 nor 1 makes up for another node's.
_SUM_OF_FLAGS = re.compile(r"\bsum ?\((?:1 - nodeops_|nodeops_\w+_(?:failed|up)\b(?:{[^}]*})?\))")
_OF_MONITORS = re.compile(r'\b(?:prometheus|alertmanager)_\w+\b(?!{job="monitor")')


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
    yield from (problem for one in panel["targets"] for problem in _trusting(one["expr"]))


def _trusting(query: str) -> Iterator[str]:
    """Yield how one host alone could make a picture of all look well, or ill."""
    if _OF_THE_CHAIN.search(query) and _OF_ANYBODY.search(query):
        yield f"believes any node of what all say of the chain, use pages.middle: {query}"
    if _SUM_OF_FLAGS.search(query):
        yield f"adds up flags, of which one can be less than 0, ask for == bool: {query}"
    if _OF_MONITORS.search(query):
        yield f"takes a host's word for the monitor's, which has the job monitor: {query}"
