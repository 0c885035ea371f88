"""What is kept of a ledger that worked: never half, never what the process does not run, never a key."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.host.units import systemd
from nodeops.host.units.service import Observed
from nodeops.host.units.unit_settings import UnitSettings
from nodeops.ledger.node import worked
from tests.contract.rules.tree import ROOT

UNIT = systemd.Unit("ledger.service", True, True, "active", True, False, 7, 0)
RUNS = Observed(UNIT, "a" * 64, "a" * 64)
STARTED = 2_000_000_000.0
FILES = ("home/config.toml", "home/app.toml", "home/genesis.json", "units/ledger.service", "bin/v1/cometbft")


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeDocument:
    made = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
    places = {
        "config": "home/config.toml",
        "app_config": "home/app.toml",
        "genesis": "home/genesis.json",
        "node_key": "home/keys/node_key.json",
        "validator_key": "home/keys/priv_validator_key.json",
        "binaries": "bin",
        "current": "bin/current",
        "binary": "bin/current/cometbft",
    }
    for name in (*FILES, "home/keys/node_key.json", "home/keys/priv_validator_key.json"):
        write(tmp_path / name, f"old {name}")
    (tmp_path / "bin/current").symlink_to("v1")
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(worked, "_UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(worked, "unit_settings", lambda _: UnitSettings((), STARTED))
    monkeypatch.setattr(systemd, "systemctl", lambda *_: None)
    paths = {**made.ledger.paths, **{name: str(tmp_path / place) for name, place in places.items()}}
    ledger = made.ledger.model_copy(update={"paths": paths})
    return made.model_copy(update={"ledger": ledger, "paths": {**made.paths, "state": str(tmp_path / "state")}})


def write(path: Path, text: str, when: float = STARTED - 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o640)
    os.utime(path, (when, when))


def spoil(folder: Path) -> None:
    for name in FILES:
        write(folder / name, f"new {name}", STARTED + 10)
    (folder / "bin/v2").mkdir()
    (folder / "bin/current").unlink()
    (folder / "bin/current").symlink_to("v2")


def test_what_was_kept_is_put_back_as_it_was(document: NodeDocument, tmp_path: Path) -> None:
    assert worked.keep(document, RUNS)
    spoil(tmp_path)
    known = worked.read(document)
    assert known is not None
    worked.put_back(document, known)
    for name in FILES:
        facts = (tmp_path / name).stat()
        assert (tmp_path / name).read_text() == f"old {name}"
        assert (facts.st_mode & 0o777, facts.st_mtime) == (0o640, STARTED - 10)
    assert (tmp_path / "bin/current").readlink() == Path("v1")


def test_a_program_that_was_removed_comes_back(document: NodeDocument, tmp_path: Path) -> None:
    assert worked.keep(document, RUNS)
    (tmp_path / "bin/v1/cometbft").unlink()
    (tmp_path / "bin/v1").rmdir()
    known = worked.read(document)
    assert known is not None
    worked.put_back(document, known)
    assert (tmp_path / "bin/v1/cometbft").read_text() == "old bin/v1/cometbft"


def test_no_key_is_kept(document: NodeDocument, tmp_path: Path) -> None:
    worked.keep(document, RUNS)
    kept = {file.read_text() for file in (tmp_path / "state").rglob("*") if file.is_file()}
    assert not any("keys/" in text for text in kept)
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "state/ledger").rglob("*")} == {0}


@pytest.mark.parametrize(
    "seen",
    [replace(RUNS, configured="b" * 64), replace(RUNS, running=""), replace(RUNS, unit=replace(UNIT, needs_reload=True))],
    ids=["stale", "not running", "not reloaded"],
)
def test_what_the_process_does_not_run_is_not_kept(document: NodeDocument, seen: Observed) -> None:
    assert not worked.keep(document, seen)
    assert worked.read(document) is None


@pytest.mark.parametrize("name", FILES)
def test_what_was_changed_since_the_start_is_not_kept(document: NodeDocument, tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "edited by hand", STARTED + 1)
    assert not worked.keep(document, RUNS)
    assert worked.read(document) is None


def test_a_newer_configuration_replaces_the_record(document: NodeDocument, tmp_path: Path) -> None:
    worked.keep(document, RUNS)
    write(tmp_path / FILES[0], "newer")
    assert worked.keep(document, replace(RUNS, running="b" * 64, configured="b" * 64))
    known = worked.read(document)
    assert known is not None
    assert known.configuration == "b" * 64
    assert str(known) == "v1 with configuration bbbbbbbbbbbb"


@pytest.mark.parametrize("death", range(1, 7))
def test_killed_while_it_is_kept_the_record_is_whole_or_absent(
    document: NodeDocument, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    worked.keep(document, RUNS)
    write(tmp_path / FILES[0], "newer")
    calls = iter(range(1, 100))
    real = worked.write_atomic

    def dying(*arguments: object) -> None:
        if next(calls) == death:
            raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(worked, "write_atomic", dying)
    newer = replace(RUNS, running="b" * 64, configured="b" * 64)
    try:
        worked.keep(document, newer)
    except KeyboardInterrupt:
        assert worked.read(document) is None
    monkeypatch.setattr(worked, "write_atomic", real)
    assert worked.keep(document, newer)


@pytest.mark.parametrize("name", ["config", "genesis", "unit", "program"])
def test_a_damaged_copy_is_never_put_back(document: NodeDocument, tmp_path: Path, name: str) -> None:
    worked.keep(document, RUNS)
    known = worked.read(document)
    assert known is not None
    (tmp_path / "state/ledger/worked" / name).write_text("spoiled")
    spoil(tmp_path)
    with pytest.raises(HostError, match="damaged"):
        worked.put_back(document, known)
    assert (tmp_path / FILES[0]).read_text() == f"new {FILES[0]}"
    write(tmp_path / "state/ledger/worked.json", "{")
    assert worked.read(document) is None


def goes_over(document: NodeDocument, tmp_path: Path, version: str, letter: str) -> None:
    """Let another version take part: its files are new, and older than its process."""
    (tmp_path / f"bin/{version}").mkdir(exist_ok=True)
    write(tmp_path / f"bin/{version}/cometbft", f"program {version}")
    write(tmp_path / FILES[0], f"config {version}")
    (tmp_path / "bin/current").unlink()
    (tmp_path / "bin/current").symlink_to(version)
    assert worked.keep(document, replace(RUNS, running=letter * 64, configured=letter * 64))


def test_the_version_before_is_kept_and_can_be_put_back(document: NodeDocument, tmp_path: Path) -> None:
    worked.keep(document, RUNS)
    assert worked.former(document) is None
    goes_over(document, tmp_path, "v2", "b")
    goes_over(document, tmp_path, "v2", "c")
    before = worked.former(document)
    assert before is not None
    assert before.version == "v1"
    worked.put_back(document, before)
    assert (tmp_path / "bin/current").readlink() == Path("v1")
    assert (tmp_path / FILES[0]).read_text() == f"old {FILES[0]}"


def test_what_was_gone_back_from_is_nothing_to_go_back_to(document: NodeDocument, tmp_path: Path) -> None:
    worked.keep(document, RUNS)
    goes_over(document, tmp_path, "v2", "b")
    goes_over(document, tmp_path, "v1", "a")
    found = worked.former(document)
    assert found is not None
    assert found.version == "v1"
    goes_over(document, tmp_path, "v3", "d")
    before = worked.former(document)
    assert (before and before.version) == "v1"


def test_a_damaged_former_version_is_none(document: NodeDocument, tmp_path: Path) -> None:
    worked.keep(document, RUNS)
    goes_over(document, tmp_path, "v2", "b")
    (tmp_path / "state/ledger/former/program").write_text("x")
    assert worked.former(document) is None


@pytest.mark.parametrize("step", ["hardlink_to", "rename", "rmtree"])
def test_killed_while_the_version_before_is_kept_there_is_one_to_go_back_to(
    document: NodeDocument, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    worked.keep(document, RUNS)
    goes_over(document, tmp_path, "v2", "b")

    def dying(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(worked.shutil if step == "rmtree" else Path, step, dying)
        with pytest.raises(KeyboardInterrupt):
            goes_over(document, tmp_path, "v3", "c")
    found = worked.former(document)
    assert found is not None
    assert found.version in ("v1", "v2")
