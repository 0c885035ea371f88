"""Names of metrics: what code exports, what the catalogue explains, and what pages and rules speak of are the same names."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.rules.tree import ours, parsed, text_files, yaml

CATALOGUE = "nodeops/metrics/collectors"
RULES = "roles/monitoring/files/rules.yml"
RUNBOOKS = "docs/runbooks"
RECEIVERS = "roles/monitoring/templates/etc/prometheus/nodeops/alertmanager.yml.j2"
DASHBOARDS = "roles/dashboards/files"
SEVERITIES = {"critical", "warning", "none"}
_MATCHED = re.compile(r'alertname (?:=~|!=|=) "([^"]+)"')
_NAME = re.compile(r"\bnodeops_[a-z][a-z0-9_]*\b")
# Places that speak of metrics by their full name.
_SPEAKERS = ("docs/", "roles/", "molecule/")
# Ansible's modules, variables and groups have the same beginning.
_OTHERS = re.compile(
    r"nodeops_(agent|artifacts|await_height|certificates|choices|document|files|gather|genesis|height|inventory|judge|manages|monitoring"
    r"|observe|packages|patch_(?:plain|validator|witness)?|preflight|revision|roll_\w+|trees|trial|turns|unagreed|verb)"
)


def catalogued(root: Path) -> set[str]:
    """Return the names of the catalogue, without the prefix."""
    return {name for path in ours(root / CATALOGUE, "*.toml") for name in tomllib.loads(path.read_text(encoding="utf-8"))}


def exported(root: Path) -> dict[str, str]:
    """Return the names that code makes samples of, and where."""
    return {name: place for path in ours(root / "nodeops", "*.py") for name, place in _samples(path, root)}


def _samples(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Sample" and node.args:
            first = node.args[0]
            name = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"
            yield name, f"{path.relative_to(root)}:{node.lineno}"


def not_explained(root: Path) -> Iterator[str]:
    """Yield samples whose name the catalogue does not have, or that is not written where it is made."""
    known = catalogued(root)
    for name, place in exported(root).items():
        if name not in known:
            yield f"{place} exports {name}, which the catalogue does not have"


def not_exported(root: Path) -> Iterator[str]:
    """Yield rows of the catalogue that no code fills."""
    made = exported(root)
    yield from (f"{name} is in the catalogue and exported by nobody" for name in sorted(catalogued(root)) if name not in made)


def unknown_names(root: Path) -> Iterator[str]:
    """Yield metrics that a page, a role or a scenario speaks of and that are not in the catalogue."""
    known = catalogued(root)
    for path, text in text_files(root):
        place = str(path.relative_to(root))
        if place.startswith(_SPEAKERS):
            found = {name for name in _NAME.findall(text) if not _OTHERS.fullmatch(name)}
            yield from (f"{place} speaks of {name}" for name in sorted(found) if name.removeprefix("nodeops_") not in known)


def alerts(root: Path) -> dict[str, dict[str, Any]]:
    """Return the monitor's rules by the name of their alert."""
    files = [yaml(path) or {} for path in ours((root / RULES).parent, "*rules.yml")]
    return {rule["alert"]: rule for file in files for group in file.get("groups", []) for rule in group["rules"]}


def bare_alerts(root: Path) -> Iterator[str]:
    """Yield alerts without severity, summary, or the links to their runbook and dashboard, and runbooks without their alert."""
    found, pages = alerts(root), {path.stem for path in ours(root / RUNBOOKS, "*.md")}
    dashboards = {f"/d/{path.stem}" for path in ours(root / DASHBOARDS, "*.json")}
    for name, rule in found.items():
        says = rule.get("annotations", {})
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield f"{name} has no severity of {', '.join(sorted(SEVERITIES))}"
        if not says.get("summary") or says.get("runbook_url") != f"RUNBOOKS/{name}.md":
            yield f"{name} has no summary, or not the link to its runbook"
        if says.get("dashboard") not in dashboards:
            yield f"{name} has no dashboard that there is"
    yield from (f"{name} has no page in {RUNBOOKS}" for name in sorted(set(found) - pages))
    yield from (f"{RUNBOOKS}/{name}.md is the page of no alert" for name in sorted(pages - set(found)))


def unknown_alerts(root: Path) -> Iterator[str]:
    """Yield names by which alerts are routed or inhibited, and that no rule has."""
    text = (root / RECEIVERS).read_text(encoding="utf-8")
    named = {name for found in _MATCHED.findall(text) for name in found.split("|")}
    yield from (f"{RECEIVERS} names {name}, which is no alert" for name in sorted(named - set(alerts(root))))
