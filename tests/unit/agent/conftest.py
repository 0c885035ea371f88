"""Fixtures of the agent's tests."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.agent.small_trees import PYTHON, Host, Packed, archived


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the umask, and do not flush all disks of this machine for each small tree: no test could see it."""
    monkeypatch.setattr(os, "sync", lambda: None)
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "opt" / "nodeops", tmp_path / "bin" / "nodeops")


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Packed]:
    """Pack a tree whose launcher prints `text`; `python`, `machine` and `launcher` can be wrong ones."""

    def packed(text: str, *, python: str = PYTHON, machine: str = platform.machine(), launcher: str = "") -> Packed:
        folder = tmp_path_factory.mktemp("packed")
        tree = folder / "tree"
        files = {
            "bin/nodeops": launcher or f"#!{sys.executable} -IB\nprint({text!r})\n",
            "lib/package/__init__.py": '"""A package."""\n',
            "lib/package/module.py": f"TEXT = {text!r}\n",
            "lib/package/data.toml": "a = 1\n",
            "tree.json": json.dumps({"nodeops": text, "python": python, "machine": machine}),
        }
        for name, content in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(content)
            (tree / name).chmod(0o755 if name.startswith("bin/") else 0o644)
        return archived(tree, folder / f"{text}.tar.gz")

    return packed
