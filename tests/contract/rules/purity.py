"""What decides does not act: pure modules reach nothing that touches the machine, the clock, chance or the screen.

A module is pure by its room (`core`, `document`), by its name (`policy`, `..._plan`), or because its docstring says `Pure.`
"""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from tests.contract.rules.floors import PACKAGE, every_name, graph, modules
from tests.contract.rules.tree import parsed

ACTING = {
    *("asyncio", "docker", "fabric", "http", "multiprocessing", "os", "paramiko", "psutil", "random", "requests", "rich"),
    *("secrets", "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "time", "typer", "urllib.request"),
}
_PURE_NAMES = ("core.*", "document.*", "*.policy", "*.plan", "*_plan", "*_rules")
_PURE_WORD = re.compile(r"\bPure[.:]")
# Modules of `document` that read files or talk to people.
_ACTING_DOCUMENT = {"document.cli", "document.host", "document.inventory", "document.load"}


def promises(root: Path) -> set[str]:
    """Return which modules promise to be pure, without the package's name."""
    found = {name.removeprefix(f"{PACKAGE}."): path for name, path in modules(root).items()}
    return {name for name, path in found.items() if _by_name(name) or _PURE_WORD.search(ast.get_docstring(parsed(path)) or "")}


def _by_name(name: str) -> bool:
    return name not in _ACTING_DOCUMENT and any(fnmatch(name, pattern) for pattern in _PURE_NAMES)


def impurities(root: Path) -> Iterator[str]:
    """Yield each pure module that imports an acting library, itself or through another module of ours."""
    links = graph(root)
    acting = {name: _acting(path) for name, path in modules(root).items()}
    for short in sorted(promises(root)):
        for reached in sorted(_reached(f"{PACKAGE}.{short}", links)):
            if acting.get(reached):
                yield f"{short} promises to be pure but reaches {', '.join(acting[reached])} through {reached}"


def _acting(path: Path) -> list[str]:
    """Return the acting libraries a file imports; `urllib.parse` is none, `urllib.request` is one."""
    names = {f"{target}." for target, _ in every_name(parsed(path))}
    return sorted(library for library in ACTING if any(name.startswith(f"{library}.") for name in names))


def _reached(start: str, links: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(links.get(name, ()))
    return seen
