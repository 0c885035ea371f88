"""A ledger whose source stands in this repository: what names it, what is compiled, and when it is made anew."""

from pathlib import Path

import pytest

from nodeops.artifacts import fetch
from nodeops.artifacts.own_source import REPOSITORY, read_source
from nodeops.artifacts.plan import FolderBuild, is_compiled, origin, recipe
from nodeops.core.errors import HostError
from nodeops.document.profile import OwnSource, load_profile
from tests.unit.artifacts.samples import PROGRAM

FILES = {"go.mod": b"module ledgerd\n", "go.sum": b"", "main.go": b"package main\n", "inner/part.go": b"package inner\n"}
VERSION = "v0.1.0"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file = tmp_path / "ledgerd" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path


COMPILED = {
    "main.go": True,
    "inner/part.go": True,
    "go.sum": True,
    "main_test.go": False,
    "testdata/genesis.json": False,
    "testdata/part.go": False,
    "README.md": False,
    ".main.go": False,
    "main.go~": False,
}


@pytest.mark.parametrize(("path", "counts"), COMPILED.items())
def test_what_is_compiled_counts_and_nothing_else(path: str, counts: bool) -> None:
    assert is_compiled(path) is counts


def test_the_digest_follows_every_file_that_is_compiled(root: Path) -> None:
    first = read_source("ledgerd", root).digest
    (root / "ledgerd/main_test.go").write_text("package main\n")
    assert read_source("ledgerd", root).digest == first
    for name in FILES:
        (root / "ledgerd" / name).write_bytes(FILES[name] + b"\n")
        assert read_source("ledgerd", root).digest != first
        (root / "ledgerd" / name).write_bytes(FILES[name])
    assert read_source("ledgerd", root).digest == first == FolderBuild("ledgerd", FILES).digest


def test_a_name_cannot_pass_for_content() -> None:
    assert FolderBuild("a", {"ab": b"c"}).digest != FolderBuild("a", {"a": b"bc"}).digest


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_a_folder_without_its_pins_is_refused(root: Path, name: str) -> None:
    (root / "ledgerd" / name).unlink()
    with pytest.raises(HostError, match=f"there is no {name}"):
        read_source("ledgerd", root)


def test_a_link_is_refused(root: Path) -> None:
    (root / "ledgerd/other.go").symlink_to("/etc/passwd")
    with pytest.raises(HostError, match="not a regular file"):
        read_source("ledgerd", root)


def test_the_profile_names_a_folder_that_is_here() -> None:
    wanted = recipe(load_profile("cosmos"), VERSION, None)
    assert wanted == OwnSource(folder="ledgerd")
    assert "main.go" in read_source("ledgerd", REPOSITORY).files


def test_it_is_built_once_for_a_digest(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build(wanted: FolderBuild, arch: str, work: Path, target: Path, say: object) -> str:
        built.append(origin(wanted))
        target.write_bytes(PROGRAM)
        return "go1.27.3"

    monkeypatch.setattr(fetch, "build_folder", build)
    monkeypatch.setattr(fetch, "read_source", lambda name: read_source(name, root))
    seen = [fetch.fetch("cosmos", VERSION, cache=tmp_path / "cache").fresh for _ in range(2)]
    (root / "ledgerd/main.go").write_bytes(b"package main // changed\n")
    seen.append(fetch.fetch("cosmos", VERSION, cache=tmp_path / "cache").fresh)
    assert (seen, built) == ([True, False, True], ["ledgerd", "ledgerd"])


@pytest.mark.lab
@pytest.mark.long
def test_ledgerd_builds_to_the_same_bytes_in_two_caches(tmp_path: Path) -> None:
    one, two = (fetch.fetch("cosmos", VERSION, cache=tmp_path / name) for name in ("one", "two"))
    assert (one.source, one.fresh, two.fresh) == ("folder", True, True)
    assert one.sha256 == two.sha256


def test_the_program_goes_on_for_the_plan_that_has_the_name_of_its_release() -> None:
    """What was voted names a release; the build of that release must know itself by that name (ledgerd/upgrade.go)."""
    (named,) = (name for name, release in load_profile("cosmos").releases.items() if isinstance(release, OwnSource))
    assert f'var release = "{named}"\n' in (REPOSITORY / "ledgerd/upgrade.go").read_text()
