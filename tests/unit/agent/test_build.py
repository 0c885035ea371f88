"""Building and caching: real pip with a wheel of this test; the whole real tree is marked lab, for it needs the package index."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from nodeops import cli
from nodeops.agent import build as building
from nodeops.agent import build_libraries, install
from nodeops.agent.build import AgentTree, build, pack
from nodeops.core.errors import HostError, InputError
from tests.tiers import slow
from tests.unit.agent.small_trees import PYTHON

WHEEL = "tiny-1.0-py3-none-any.whl"


SOURCES = {
    PurePosixPath(name): b"# " + name.encode() + b"\n"
    for name in (
        "__init__.py",
        "cli.py",
        "agent/install.py",
        "agent/build.py",
        "fleet/cli.py",
        "lab/cli.py",
        "ledger/artifact.py",
    )
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one wheel."""
    folder = tmp_path_factory.mktemp("wheels")
    files = {
        "tiny/__init__.py": "VALUE = 1\n",
        "tiny/tests/test_tiny.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nSummary: long\n\nText\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in files) + "tiny-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in {**files, "tiny-1.0.dist-info/RECORD": record}.items():
            wheel.writestr(name, text)
    return folder


@pytest.fixture(scope="module")
def filled(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache that has the libraries for Python 3.11, to be copied: pip takes a second each time."""
    cache = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny(monkeypatch, wheels)
        assert build("3.11", cache=cache).fresh
    shutil.rmtree(cache / "3.11-x86_64")
    return cache


@pytest.fixture
def cache(filled: Path, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache without archives; the lock holds one wheel and nodeops a few lines."""
    tiny(monkeypatch, wheels)
    return Path(shutil.copytree(filled, tmp_path / "nodeops" / "agent"))


def tiny(monkeypatch: pytest.MonkeyPatch, wheels: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setattr(building, "package_files", lambda: SOURCES)
    lock_to(monkeypatch, hashlib.sha256((wheels / WHEEL).read_bytes()).hexdigest())


def edit(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    """Change a source of nodeops."""
    monkeypatch.setattr(building, "package_files", lambda: {**SOURCES, PurePosixPath("cli.py"): text})


def lock_to(monkeypatch: pytest.MonkeyPatch, sha256: str) -> None:
    monkeypatch.setattr(build_libraries, "read_lock", lambda: f"tiny==1.0 --hash=sha256:{sha256}\n".encode())


def members(tree: AgentTree) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(tree.path) as archive:
        return {member.name: member for member in archive}


def test_a_tree_is_built_once_named_by_its_content_and_the_same_everywhere(cache: Path, filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "other")
    first, again, elsewhere = build("3.11", cache=cache), build("3.11", cache=cache), build("3.11", cache=tmp_path / "other")
    assert (first.fresh, again.fresh, elsewhere.fresh) == (True, False, True)
    assert (first.sha256, first.digest, first.size) == (again.sha256, again.digest, again.size)
    assert first.path.read_bytes() == elsewhere.path.read_bytes()
    assert first.full_digest.startswith(first.digest)


def test_an_archive_holds_what_a_host_needs_without_times_and_owners(cache: Path) -> None:
    found = members(build("3.11", cache=cache))
    nodeops = {f"lib/nodeops/{name}" for name in ("__init__.py", "cli.py", "agent/install.py")}
    assert set(found) == {"bin/nodeops", "tree.json", "lib/tiny/__init__.py", "lib/tiny-1.0.dist-info/METADATA", *nodeops}
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in found.values()} == {(0, 0, 0, "")}
    assert {name: member.mode for name, member in found.items() if member.mode != 0o644} == {"bin/nodeops": 0o755}


@slow
def test_each_python_and_machine_has_a_tree_of_its_own(cache: Path) -> None:
    trees = [build("3.11", cache=cache), build("3.13", "arm64", cache=cache)]
    assert trees[0].digest != trees[1].digest
    with tarfile.open(trees[1].path) as archive:
        described = json.load(archive.extractfile("tree.json"))  # type: ignore[arg-type]
    assert (described["python"], described["machine"]) == ("3.13", "aarch64")


def test_another_source_makes_another_tree_without_asking_pip_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build("3.11", cache=cache)
    edit(monkeypatch, b"other")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    changed = build("3.11", cache=cache)
    assert changed.fresh
    assert changed.digest != first.digest
    assert first.path.exists()


def test_the_last_three_archives_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    for number in range(5):
        edit(monkeypatch, b"%d" % number)
        built.append(build("3.11", cache=cache))
        os.utime(built[-1].path.parent, (number, number))
    assert [tree.path.exists() for tree in built][-1] is True
    assert sum(tree.path.exists() for tree in built) == 3


def test_what_a_run_asked_for_lately_is_kept_though_others_built_more(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(monkeypatch, b"mine")
    mine = build("3.11", cache=cache)
    os.utime(mine.path.parent, (0, 0))
    assert build("3.11", cache=cache).fresh is False
    for number in range(5):
        edit(monkeypatch, b"%d" % number)
        build("3.11", cache=cache)
    assert mine.path.exists()


@pytest.mark.parametrize("damaged", ["agent.tar.gz", "manifest.json"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_changed_archive_is_never_used(damaged: str, how: str, cache: Path) -> None:
    path = build("3.11", cache=cache).path.with_name(damaged)
    data = path.read_bytes()
    path.unlink() if how == "gone" else path.write_bytes(data[:40] if how == "cut" else bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(HostError, match="was changed") as caught:
        build("3.11", cache=cache)
    assert caught.value.hint == "nodeops agent build --refresh"


@slow
def test_changed_libraries_are_never_packed_and_refresh_repairs_all(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build("3.11", cache=cache).path.write_bytes(b"changed")
    next(cache.glob("libraries-*/*/lib/tiny/__init__.py")).write_text("import os\n")
    edit(monkeypatch, b"other")
    with pytest.raises(HostError, match="libraries of the agent were changed"):
        build("3.11", cache=cache)
    assert build("3.11", cache=cache, refresh=True).fresh
    assert build("3.11", cache=cache).fresh is False


def test_the_key_covers_every_source_of_the_running_nodeops() -> None:
    found = building.package_files()
    assert {PurePosixPath("cli.py"), PurePosixPath("ledger/profiles/cometbft.toml"), PurePosixPath("agent/build.py")} <= set(
        found
    )
    assert not [name for name in found if "__pycache__" in name.parts]


@slow
def test_a_package_with_another_hash_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock_to(monkeypatch, "0" * 64)
    with pytest.raises(HostError, match="cannot be installed") as caught:
        build("3.11", cache=cache)
    assert "0" * 64 in caught.value.what
    assert not list(cache.rglob("agent.tar.gz"))


def test_another_python_is_an_input_error(cache: Path) -> None:
    with pytest.raises(InputError):
        build("3.12", cache=cache)


def test_outside_a_checkout_there_is_nothing_to_build_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build_libraries.nodeops, "__file__", str(tmp_path / "nodeops" / "__init__.py"))
    with pytest.raises(HostError, match="cannot be read"):
        build_libraries.read_lock()


def test_packing_depends_on_files_only(tmp_path: Path) -> None:
    for name, first in (("a", "x"), ("b", "y")):
        (tmp_path / name / "lib").mkdir(parents=True)
        for file in (first, "y" if first == "x" else "x"):
            (tmp_path / name / "lib" / file).write_text(file)
    assert pack(tmp_path / "a") == pack(tmp_path / "b")


def test_the_verb_builds_into_the_users_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    answers = []
    for _ in range(2):
        with pytest.raises(SystemExit):
            cli.main(["agent", "build", "--python", "3.11", "--json"])
        answers.append(json.loads(capsys.readouterr().out))
    assert [answer["changed"] for answer in answers] == [True, False]
    assert Path(answers[1]["agents"]["3.11"]["path"]).is_relative_to(cache)


@pytest.mark.lab
def test_the_real_tree_starts_with_nothing_else(tmp_path: Path) -> None:
    tree = build(PYTHON, cache=tmp_path / "cache")
    host = tmp_path / "host"
    install.unpack(tree.path.read_bytes(), host)
    assert install.tree_digest(host) == tree.full_digest
    argv = [sys.executable, "-IBS", str(host / "bin" / "nodeops")]
    assert b"document" in subprocess.run([*argv, "--help"], capture_output=True, check=True).stdout
    lab = Path(__file__).parents[3] / "inventories" / "lab"
    done = subprocess.run([*argv, "document", "check", str(lab), "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout)["nodes"] == 7
    assert not list(host.rglob("*.pyc"))
