"""Who may import whom: floors, no cycles, no relative imports, no imports hidden in functions.

core <- screen <- console <- document <- host <- ledger, artifacts, logstore, receipts, metrics <- records <- quorum
<- capabilities <- fleet, lab, status, exporter <- cli. Rooms of one floor do not import each other.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.contract.rules.tree import ours, parsed, statements

PACKAGE = "nodeops"
_STOREYS = (
    {"", "core"},
    {"screen"},
    {"console"},
    {"document"},
    {"host"},
    {"ledger", "artifacts", "logstore", "receipts", "metrics"},
    {"records"},
    {"quorum"},
    # Every room that is not named is a capability.
    set[str](),
    {"fleet", "lab", "status", "exporter"},
    {"cli"},
)
_FLOORS = {name: floor for floor, names in enumerate(_STOREYS) for name in names}
_FUNCTION, _IMPORT = ast.FunctionDef | ast.AsyncFunctionDef, ast.Import | ast.ImportFrom
_CAPABILITY = _STOREYS.index(set())


def modules(root: Path) -> dict[str, Path]:
    """Return the package's modules by dotted name."""
    found = {}
    for path in ours(root / PACKAGE, "*.py"):
        parts = [PACKAGE, *path.relative_to(root / PACKAGE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def every_name(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the dotted name and line of everything imported, anywhere in a file: `from a import b` is `a.b`."""
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{'.' * node.level}{node.module or ''}.{alias.name}", node.lineno) for alias in node.names)


def imports(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Yield the modules of ours that a file imports, by their full name."""
    for name, _ in every_name(tree):
        module = name if name in known else name.rpartition(".")[0]
        if module in known:
            yield module


def graph(root: Path) -> dict[str, set[str]]:
    """Return, for each module of the package, which of its modules it imports."""
    found = modules(root)
    return {name: set(imports(parsed(path), set(found))) for name, path in found.items()}


def room(module: str) -> str:
    """Return the room of a module: `nodeops.lab.engine.engine` lives in `lab`."""
    return module.split(".")[1] if "." in module else ""


def _floor(module: str) -> int:
    return _FLOORS.get(room(module), _CAPABILITY)


def upward_imports(root: Path) -> Iterator[str]:
    """Yield imports of a higher floor, and of another room on the same floor."""
    for name, targets in graph(root).items():
        for target in sorted(targets):
            if room(name) != room(target) and _floor(target) >= _floor(name) and room(target):
                yield f"{name} (floor {_floor(name)}) imports {target} (floor {_floor(target)})"


def relative_imports(root: Path) -> Iterator[str]:
    """Yield imports that do not say where they import from."""
    for name, path in modules(root).items():
        yield from (f"{name}:{line} imports {target}" for target, line in every_name(parsed(path)) if target.startswith("."))


def cycles(root: Path) -> Iterator[str]:
    """Yield one import cycle, if there is any; imports inside functions count, because they are how cycles are hidden."""
    try:
        TopologicalSorter(graph(root)).prepare()
    except CycleError as error:
        yield " -> ".join(error.args[1])


def hidden_imports(root: Path) -> Iterator[str]:
    """Yield imports inside functions whose line, or the line above, has no comment that says `start-up`."""
    for name, path in modules(root).items():
        lines = ["", *path.read_text(encoding="utf-8").splitlines()]
        functions = (node for node in statements(parsed(path)) if isinstance(node, _FUNCTION))
        inside = {node.lineno for function in functions for node in statements(function) if isinstance(node, _IMPORT)}
        for number in sorted(inside):
            if "start-up" not in "".join(line.partition("#")[2] for line in lines[number - 1 : number + 1]):
                yield f"{name}:{number} imports inside a function without a comment on start-up"
