"""The shape of a role: the files it must have, defaults equal to argument_specs, private names, nothing said twice."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract.rules.tree import ours, text_files, yaml

_PARTS = ("README.md", "meta/argument_specs.yml", "tasks/main.yml")
_BLOCKS = ("block", "rescue", "always")
_ABSENT = object()
# A port: `port: 123`, `ports = 123`, `listen 123`, or `:1234` after a host. A number in a `mode`, a size or a time is none.
_PORT = re.compile(r"(?i)\b(?:\w*ports?|listen|laddr)\b[\"']?\s*[:= ]\s*[\"']?\d{2,5}\b|(?<=[\w\].}]):\d{4,5}\b")
# Where nodeops or a ledger keeps its own: known from the node document only.
_DATA_PATH = re.compile(
    r"(?<![\w./}])/(?:etc/nodeops|home|opt|root|run/nodeops|srv|usr/local|var/(?:backups|lib|log|opt))\b[^\s\"',)}]*"
)
# Places of the operating system that a role may name, each for the reason given.
_SYSTEM_PATHS = {
    "/var/lib/apt": "the package manager's own state; its age tells whether the index is fresh",
    "/var/lib/dpkg": "the package manager's own state",
    "/var/log/journal": "journald's own place; systemd fixes it",
}
# What all roles speak of, by one name: the node document, the inventory it is resolved from, and what was seen of the host.
SHARED = {"node_document", "host_observed", "nodeops_choices", "nodeops_inventory"}


def roles(root: Path) -> list[Path]:
    """Return the folders of all roles."""
    folder = root / "roles"
    return sorted(path for path in folder.iterdir() if path.is_dir() and any(ours(path))) if folder.is_dir() else []


def options(role: Path) -> dict[str, Any]:
    """Return the options of all entry points of a role's argument_specs."""
    specs = (yaml(role / "meta/argument_specs.yml") or {}).get("argument_specs", {})
    return {name: option for entry in specs.values() for name, option in (entry.get("options") or {}).items()}


def defaults(role: Path) -> dict[str, Any]:
    """Return a role's defaults."""
    return yaml(role / "defaults/main.yml") or {}


def public_variables(role: Path) -> set[str]:
    """Return the names that a user of the role may set or must pass."""
    return set(options(role)) | set(defaults(role))


def tasks(role: Path) -> Iterator[dict[str, Any]]:
    """Yield each task and handler-free step of a role; a block counts by what is in it."""
    for path in ours(role / "tasks", "*.yml"):
        yield from _flat(yaml(path) or [])


def _flat(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        inner = [task for key in _BLOCKS for task in entry.get(key) or []]
        if inner:
            yield from _flat(inner)
        else:
            yield entry


def missing_parts(root: Path) -> Iterator[str]:
    """Yield the files a role lacks."""
    for role in roles(root):
        yield from (f"{role.name} has no {part}" for part in _PARTS if not (role / part).is_file())


def drift(root: Path) -> Iterator[str]:
    """Yield every difference between a role's argument_specs and its defaults."""
    for role in roles(root):
        specified, given = options(role), defaults(role)
        for name in sorted(set(given) - set(specified)):
            yield f"{role.name}: {name} has a default but is not in argument_specs"
        for name, option in sorted(specified.items()):
            yield from (f"{role.name}: {name} {text}" for text in _option_drift(option, given.get(name, _ABSENT)))


def _option_drift(option: dict[str, Any], value: Any) -> Iterator[str]:
    promised = option.get("default", _ABSENT)
    if option.get("required") and not (promised is value is _ABSENT):
        yield "is required and has a default"
    elif promised is _ABSENT and value is not _ABSENT:
        yield f"has the default {value!r}, argument_specs names none"
    elif promised is not _ABSENT and value is _ABSENT:
        yield f"has no default, argument_specs says {promised!r}"
    elif (type(promised), promised) != (type(value), value):
        yield f"has the default {value!r}, argument_specs says {promised!r}"


def foreign_names(root: Path) -> Iterator[str]:
    """Yield variables that do not carry their role's name: `x_` public, `_x_` private, `__x_` registered."""
    for role in roles(root):
        for name in sorted(public_variables(role) - SHARED):
            yield from _misnamed(role, name, "")
        for name in yaml(role / "vars/main.yml") or {}:
            yield from _misnamed(role, name, "_")
        for task in tasks(role):
            for name in sorted({task.get("register")} - SHARED - {None}):
                yield from _misnamed(role, name, "__")
            for name in sorted(set(_facts(task)) - SHARED):
                yield from _misnamed(role, name.lstrip("_"), "")


def borrowed_names(root: Path) -> Iterator[str]:
    """Yield private and registered variables of one role that another reads: what a role needs is a declared argument."""
    names = [role.name for role in roles(root)]
    for role in roles(root):
        others = "|".join(name for name in names if name != role.name)
        for path, text in text_files(role):
            found = sorted(set(re.findall(rf"\b__?(?:{others})_\w+", text))) if others else []
            yield from (f"{path.relative_to(root)} reads {name}" for name in found)


def undeclared_shared(root: Path) -> Iterator[str]:
    """Yield names that all roles speak of and that a role reads without an argument of that name in its argument_specs."""
    for role in roles(root):
        text = "".join(text for path, text in text_files(role) if path.suffix in (".yml", ".j2") and path.parent.name != "meta")
        made = {task.get("register") for task in tasks(role)} | {name for task in tasks(role) for name in _facts(task)}
        for name in sorted(SHARED - made - set(options(role))):
            if re.search(rf"\b{name}\b", text):
                yield f"{role.name} reads {name} and does not declare it"


def _misnamed(role: Path, name: str, mark: str) -> Iterator[str]:
    if not name.startswith(f"{mark}{role.name}_"):
        yield f"{role.name}: {name} should be {mark}{role.name}_..."


def _facts(task: dict[str, Any]) -> Iterator[str]:
    for key in ("set_fact", "ansible.builtin.set_fact", "vars"):
        yield from task.get(key) or {}


def literals(root: Path) -> Iterator[str]:
    """Yield port numbers and data paths written in a role: they are said once, and come with the node document."""
    for role in roles(root):
        for path, text in text_files(role):
            if path.name == "README.md":
                continue
            for number, line in enumerate(text.splitlines(), 1):
                for literal in _literals(line):
                    yield f"{path.relative_to(root)}:{number} has the literal {literal}"


def _literals(line: str) -> Iterator[str]:
    yield from (found[0] for found in _PORT.finditer(line))
    yield from (found[0] for found in _DATA_PATH.finditer(line) if not found[0].startswith(tuple(_SYSTEM_PATHS)))


def limited_starts(root: Path) -> Iterator[str]:
    """Yield services that systemd would refuse for having been started often, by a person or after a fault: RestartSec= bounds
    what restarts by itself (StartLimitIntervalSec=, systemd.unit(5): five starts in ten seconds, if nothing is said).
    """
    for role in roles(root):
        for path, text in text_files(role):
            if path.name.endswith(".service.j2") and "\nStartLimitIntervalSec=0\n" not in text:
                yield f"{path.relative_to(root)} says no StartLimitIntervalSec=0"


def failing_ends(root: Path) -> Iterator[str]:
    """Yield services of the agent that systemd would show as failed for having been stopped: a verb leaves with 128 + SIGTERM."""
    for role in roles(root):
        for path, text in text_files(role):
            if path.name.endswith(".service.j2") and "\nType=notify\n" in text and "\nSuccessExitStatus=143\n" not in text:
                yield f"{path.relative_to(root)} says no SuccessExitStatus=143"
