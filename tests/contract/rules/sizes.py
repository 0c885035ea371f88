"""How big things may grow. A cap that hurts is a sign that something wants to be two things."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.contract.rules.roles import public_variables, roles, tasks
from tests.contract.rules.tree import ours, statements

FUNCTION_LINES = 50
FILE_LINES = 300
FOLDER_MODULES = 20
ROLE_TASKS = 15
ROLE_VARIABLES = 12
README_LINES = 60
SCENARIO_LINES = 60
_COUNTED = {".py", ".yml", ".yaml", ".j2", ".toml", ".sh", ".cfg"}
_COUNTED_NAMES = {"Makefile", "Dockerfile", "run"}


def long_functions(root: Path) -> Iterator[str]:
    """Yield functions of more than 50 lines, docstring included."""
    for path in ours(root, "*.py"):
        text = path.read_text(encoding="utf-8")
        # Of every file in the repository, and of no use to others: not kept.
        for node in statements(ast.parse(text)) if text.count("\n") >= FUNCTION_LINES else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{path.relative_to(root)}:{node.lineno} {node.name} has {lines} lines"


def long_files(root: Path) -> Iterator[str]:
    """Yield files of more than 300 lines; playbooks, scenarios and the READMEs of roles have caps of their own."""
    for path in ours(root):
        cap = _cap(path.relative_to(root))
        lines = len(path.read_text(encoding="utf-8").splitlines()) if cap else 0
        if cap and lines > cap:
            yield f"{path.relative_to(root)} has {lines} lines, {cap} are allowed"


def _cap(path: Path) -> int | None:
    if path.parts[0] == "roles" and path.name == "README.md":
        return README_LINES
    if (path.parts[0] in ("playbooks", "molecule") and path.suffix == ".yml") or str(path) == "site.yml":
        return SCENARIO_LINES
    return FILE_LINES if path.suffix in _COUNTED or path.name in _COUNTED_NAMES else None


def crowded_folders(root: Path) -> Iterator[str]:
    """Yield folders of the package with more than 20 modules: a hall without walls."""
    for folder in sorted({path.parent for path in ours(root / "nodeops", "*.py")}):
        modules = [path for path in ours(folder, "*.py") if path.parent == folder and path.name != "__init__.py"]
        if len(modules) > FOLDER_MODULES:
            yield f"{folder.relative_to(root)} has {len(modules)} modules, {FOLDER_MODULES} are allowed"


def big_roles(root: Path) -> Iterator[str]:
    """Yield roles of more than 15 tasks or 12 public variables."""
    for role in roles(root):
        found, variables = sum(1 for _ in tasks(role)), public_variables(role)
        if found > ROLE_TASKS:
            yield f"{role.name} has {found} tasks, {ROLE_TASKS} are allowed"
        if len(variables) > ROLE_VARIABLES:
            yield f"{role.name} has {len(variables)} public variables, {ROLE_VARIABLES} are allowed"


def catch_all_files(root: Path) -> Iterator[str]:
    """Yield files whose name says nothing about what is in them."""
    for path in ours(root):
        if path.stem in ("util", "utils", "helper", "helpers", "misc", "common"):
            yield f"{path.relative_to(root)} has a name that says nothing"
