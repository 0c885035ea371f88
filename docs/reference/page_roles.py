"""The page of all roles, from their argument_specs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def lines(root: Path) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Roles", "", "What each role does and the variables it takes.", "")
    for specs in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        role = specs.parents[1].name
        entries = YAML(typ="safe").load(specs.read_text(encoding="utf-8"))["argument_specs"]
        yield from (f"## {role}", "")
        for name, entry in sorted(entries.items(), key=lambda item: (item[0] != "main", item[0])):
            yield from _entry(name, entry, entries.get("main", {}).get("options"))


def _entry(name: str, entry: dict[str, Any], of_main: Any) -> Iterator[str]:
    if name != "main":
        yield from (f"### tasks_from: {name}", "")
    yield from (_text(entry["short_description"]), "")
    for paragraph in _list(entry.get("description")):
        yield from (_text(paragraph), "")
    if name != "main" and entry.get("options") == of_main:
        yield from ("Takes the same variables.", "")
    elif entry.get("options"):
        yield from ("| variable | type | default | |", "|---|---|---|---|")
        yield from (_row(variable, option) for variable, option in sorted(entry["options"].items()))
        yield ""


def _row(variable: str, option: dict[str, Any]) -> str:
    kind = option.get("type", "str")
    kind = f"{kind} of {option['elements']}" if "elements" in option else kind
    default = "required" if option.get("required") else f"`{json.dumps(option['default'])}`" if "default" in option else ""
    words = [_text(part) for part in _list(option["description"])]
    if "choices" in option:
        words.append(f"One of {', '.join(f'`{choice}`' for choice in option['choices'])}.")
    return f"| `{variable}` | {kind} | {default} | {' '.join(words)} |"


def _list(value: Any) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _text(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")
