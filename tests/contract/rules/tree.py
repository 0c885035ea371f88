"""Read a source tree: which files are ours, what they parse to."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[3]
# What holds statements, in any node.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def ours(root: Path, pattern: str = "*") -> Iterator[Path]:
    """Yield every file below a root that belongs to the project, sorted: in a checkout all that git does not ignore."""
    words = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, capture_output=True, text=True, check=False) if root.is_dir() else None
    if listed is None or listed.returncode:
        found = root.rglob("*")
    else:
        found = (root / name for name in listed.stdout.split("\0") if name)
    yield from sorted(path for path in found if path.is_file() and fnmatch(path.name, pattern))


def assert_kept(rule: Callable[[Path], Iterable[str]]) -> None:
    """Fail with every breach of a rule in this project, whole and one a line."""
    breaches = list(rule(ROOT))
    assert not breaches, "\n".join([f"{len(breaches)} breaches:", *breaches])


def text_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file of the project that is text, with its text."""
    for path in ours(root):
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file; the same one every time, for whoever looks and does not change it."""
    return _parsed(path.read_text(encoding="utf-8"), str(path))


@cache
def _parsed(text: str, name: str) -> ast.Module:
    return ast.parse(text, filename=name)


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """Yield every statement of a syntax tree, however deep; what is in expressions, most of the tree, is not looked at."""
    blocks = [getattr(tree, name, ()) for name in _BLOCKS]
    for part in (part for block in blocks for part in block):
        if isinstance(part, ast.stmt):
            yield part
        yield from statements(part)


def yaml(path: Path) -> Any:
    """Return what a YAML file holds; None when there is no such file."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8")) if path.is_file() else None
