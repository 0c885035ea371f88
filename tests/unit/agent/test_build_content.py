"""What goes into a tree; and that what goes in does not need what stays out."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from nodeops.agent import build_content
from nodeops.agent.build import package_files
from nodeops.agent.build_libraries import read_lock
from nodeops.core.errors import InputError
from tests.contract.rules.tree import statements

REPOSITORY = Path(__file__).parents[3]
LOCK = re.sub(r"^#.*\n", "", read_lock().decode(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cli.py", True),
        ("ledger/profiles/cometbft.toml", True),
        ("py.typed", True),
        ("agent/install.py", True),
        ("agent/build.py", False),
        ("agent/build_cli.py", False),
        ("ledger/artifact.py", False),
        ("ledger/artifact_go.py", False),
        ("fleet/cli.py", False),
        ("lab/image/Dockerfile", False),
        ("lab/deep/er/module.py", False),
    ],
)
def test_hosts_get_what_hosts_run(path: str, expected: bool) -> None:
    name = PurePosixPath(path)
    assert (build_content.is_source(name) and build_content.belongs_to_agent(name)) is expected


@pytest.mark.parametrize("path", ["__pycache__/cli.cpython-311.pyc", "cli.py~", ".cli.py.swp", ".hidden/a.py", "notes.md"])
def test_what_an_editor_or_python_left_is_no_source(path: str) -> None:
    assert not build_content.is_source(PurePosixPath(path))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("rich/console.py", True),
        ("_cffi_backend.cpython-311-x86_64-linux-gnu.so", True),
        ("typing_extensions.py", True),
        ("pygments/lexers/python.py", True),
        ("pygments/lexers/_mapping.py", True),
        ("pygments/lexers/cobol.py", False),
        ("pygments/styles/default.py", True),
        ("typer-1.0.dist-info/METADATA", True),
        ("typer-1.0.dist-info/licenses/LICENSE", True),
        ("typer-1.0.dist-info/RECORD", False),
        ("typer-1.0.dist-info/entry_points.txt", False),
        ("bin/typer", False),
        ("psutil/tests/test_linux.py", False),
        ("pydantic_core/_pydantic_core.pyi", False),
        ("rich/__pycache__/console.cpython-311.pyc", False),
    ],
)
def test_libraries_lose_what_never_runs(path: str, expected: bool) -> None:
    assert build_content.needed_of_library(PurePosixPath(path)) is expected


def test_metadata_keeps_name_version_and_licence() -> None:
    text = "Metadata-Version: 2.4\nName: a\nVersion: 1\nRequires-Dist: b\nLicense-File: LICENSE\n\nName: not this\n"
    assert build_content.short_metadata(text) == "Metadata-Version: 2.4\nName: a\nVersion: 1\nLicense-File: LICENSE\n"


def test_wheels_for_a_newer_libc_than_the_hosts_are_not_asked_for() -> None:
    platforms = build_content.wheel_platforms("3.11", "x86_64")
    assert platforms[0] == "manylinux_2_36_x86_64"
    assert {"manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(platforms)


_SAYS = """
def main():
    import gc, sys
    from importlib.metadata import entry_points
    print("email" in sys.modules, entry_points(group="pydantic"), gc.isenabled(), end=" ")
    from importlib.metadata import Distribution, entry_points
    import importlib.metadata
    print(Distribution.__module__.split(".")[-1], bool(importlib.metadata.entry_points), end=" ")
    print("off" if sys.modules.get("tornado", sys) is None else "not")
"""


@pytest.mark.parametrize(("python", "arch"), [("3.12", "x86_64"), ("3", "x86_64"), ("3.11", "riscv64"), ("../3.11", "x86_64")])
def test_other_targets_are_refused(python: str, arch: str) -> None:
    with pytest.raises(InputError):
        build_content.checked_target(python, arch)


@pytest.mark.parametrize("python", build_content.PYTHONS)
def test_the_launcher_is_valid_python_for_its_version_only(python: str) -> None:
    text = build_content.launcher(python)
    compile(text, "nodeops", "exec")
    assert text.startswith("#!/usr/bin/python3 -IBS\n")
    assert f"!= ({python.replace('.', ', ')})" in text


def test_a_start_leaves_out_what_it_needs_not_and_who_needs_it_finds_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib/nodeops").mkdir(parents=True)
    (tmp_path / "bin/nodeops").write_text(build_content.launcher(f"{sys.version_info[0]}.{sys.version_info[1]}"))
    (tmp_path / "lib/nodeops/cli.py").write_text(_SAYS)
    said = [
        subprocess.run(
            [sys.executable, "-IBS", tmp_path / "bin/nodeops", verb], capture_output=True, text=True, check=True
        ).stdout
        for verb in ("status", "exporter")
    ]
    assert [line.split() for line in said] == [
        ["False", "()", "False", "metadata", "True", "off"],
        ["False", "()", "False", "metadata", "True", "not"],
    ]


@cache
def locked_names() -> set[str]:
    return {found[0].lower().replace("_", "-") for found in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK, re.MULTILINE)}


def test_the_lock_holds_every_dependency_pinned_and_hashed_and_names_no_index() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=!~\[ ]", line)[0].lower().replace(".", "-").replace("_", "-") for line in project["dependencies"]}
    assert wanted <= {name.replace(".", "-") for name in locked_names()}
    entries = re.split(r"\n(?=[A-Za-z])", LOCK.strip())
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_the_lock_says_the_same_for_every_python() -> None:
    # pip judges markers by the controller's Python, not by that of the tree.
    assert not re.search(r"python_version|python_full_version", LOCK)


PACKAGE = package_files()
SHIPPED = {name: content for name, content in PACKAGE.items() if build_content.belongs_to_agent(name)}
# These ask first whether the module, or the library, is there.
OPTIONAL = {("agent/cli.py", "nodeops.agent.build_cli")}
OPTIONAL_LIBRARIES = {("consortium/voting/organisation_key.py", "paramiko")}
# Import name -> name in the lock, where they differ.
LIBRARIES = {"ruamel": "ruamel-yaml", "yaml": "pyyaml", "backports": "backports-zstd"}
# Of the standard library, in a Python that is newer than this one.
NEWER = {"compression"}


def imported(content: bytes) -> set[str]:
    names: set[str] = set()
    for node in statements(ast.parse(content)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def modules(names: object) -> set[str]:
    paths = [PurePosixPath(str(name)) for name in names]  # type: ignore[attr-defined]
    return {
        ".".join(("nodeops", *path.with_suffix("").parts)).removesuffix(".__init__") for path in paths if path.suffix == ".py"
    }


LEFT_OUT = modules(PACKAGE) - modules(SHIPPED)


@pytest.mark.parametrize("path", [name for name in SHIPPED if name.suffix == ".py"], ids=str)
def test_what_is_shipped_imports_only_what_is_shipped(path: PurePosixPath) -> None:
    names = imported(SHIPPED[path])
    assert {name for name in names & LEFT_OUT if (str(path), name) not in OPTIONAL} == set()
    libraries = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - NEWER - {"nodeops"}
    libraries -= {library for file, library in OPTIONAL_LIBRARIES if file == str(path)}
    assert {LIBRARIES.get(name, name).replace("_", "-") for name in libraries} <= locked_names()


def test_the_installer_needs_nothing_but_the_standard_library() -> None:
    assert {name.split(".")[0] for name in imported(SHIPPED[PurePosixPath("agent/install.py")])} <= set(sys.stdlib_module_names)
