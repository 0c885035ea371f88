"""Fetching files into a cache: once, whole, and never used after a change."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.artifacts import fetch
from nodeops.artifacts.cache import locked
from nodeops.core.errors import HostError, InputError
from nodeops.core.finding import Verdict
from tests.unit.artifacts.samples import PROGRAM, SHA256, TARGET, VERSION, WHOLE, files, from_file, from_url, get


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.write_bytes(PROGRAM)
    return path


def test_a_file_is_cached_once_with_a_manifest_and_used_again_when_the_source_is_gone(cache: Path, source: Path) -> None:
    first = get(cache, from_file(source))
    source.unlink()
    second = get(cache, from_file(source))
    assert (first.fresh, second.fresh) == (True, False)
    assert first.path.read_bytes() == PROGRAM
    assert os.access(first.path, os.X_OK)
    assert (second.sha256, second.size, second.source) == (SHA256, len(PROGRAM), "file")
    assert files(cache) == WHOLE
    manifest = json.loads((first.path.parent / "manifest.json").read_text())
    assert (manifest["sha256"], manifest["size"], manifest["origin"]) == (SHA256, len(PROGRAM), str(source))


def test_a_file_url_is_read_from_disk(cache: Path, source: Path) -> None:
    assert get(cache, from_url(source.as_uri())).source == "url"


def test_a_wrong_checksum_of_a_file_changes_nothing(cache: Path, source: Path) -> None:
    with pytest.raises(InputError, match="has SHA-256") as caught:
        get(cache, from_file(source, "0" * 64))
    assert caught.value.allowed == "0" * 64
    assert files(cache) == []


def test_a_failed_refresh_keeps_what_was_cached(cache: Path, source: Path) -> None:
    get(cache, from_file(source))
    source.write_bytes(b"something else")
    with pytest.raises(InputError):
        get(cache, from_file(source), refresh=True)
    assert get(cache, from_file(source)).fresh is False


def test_a_missing_file_is_an_input_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        get(cache, from_file(tmp_path / "absent"))


def test_a_program_for_another_machine_is_refused(cache: Path, source: Path) -> None:
    with pytest.raises(InputError, match="program for amd64"):
        get(cache, from_file(source), arch="arm64")
    assert files(cache) == []


def test_another_checksum_leaves_the_cached_binary(cache: Path, source: Path) -> None:
    """Another run may be copying it to its hosts just now."""
    first = get(cache, from_file(source))
    other = PROGRAM + b"patched"
    source.write_bytes(other)
    found = get(cache, from_file(source, hashlib.sha256(other).hexdigest()))
    assert found.fresh
    assert found.path.read_bytes() == other
    assert first.path.read_bytes() == PROGRAM
    assert not get(cache, from_file(source)).fresh


def _flip(folder: Path) -> None:
    data = bytearray((folder / "cometbft").read_bytes())
    data[500] ^= 1
    (folder / "cometbft").write_bytes(data)


def _edit(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, key: value}))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one bit": _flip,
    "truncated": lambda folder: os.truncate(folder / "cometbft", 100),
    "no binary": lambda folder: (folder / "cometbft").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: os.truncate(folder / "manifest.json", 40),
    "empty manifest": lambda folder: os.truncate(folder / "manifest.json", 0),
    "manifest of another version": lambda folder: _edit(folder, "version", "v0.38.26"),
    "manifest that points out": lambda folder: _edit(folder, "binary", "../../../cometbft"),
    "manifest with more": lambda folder: _edit(folder, "extra", 1),
    "binary is a folder": lambda folder: ((folder / "cometbft").unlink(), (folder / "cometbft").mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_changed_cache_is_never_used_is_found_and_is_repaired_by_refresh(
    damage: Callable[[Path], object], cache: Path, source: Path
) -> None:
    folder = get(cache, from_file(source)).path.parent
    assert [finding.verdict for finding in fetch.verify(cache)] == [Verdict.PASS]
    damage(folder)
    with pytest.raises(HostError, match="was changed") as caught:
        get(cache, from_file(source))
    assert caught.value.hint == "nodeops artifact fetch --refresh"
    assert [finding.verdict for finding in fetch.verify(cache)] == [Verdict.FAIL]
    assert fetch.cached(cache) == [(folder, None)]
    assert get(cache, from_file(source), refresh=True).fresh
    assert [finding.verdict for finding in fetch.verify(cache)] == [Verdict.PASS]


def test_whoever_waits_says_so(cache: Path, source: Path) -> None:
    said, waiting, free = [], threading.Event(), threading.Event()
    target = cache / "cometbft" / VERSION / TARGET

    def hold() -> None:
        with locked(target):
            waiting.set()
            free.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert waiting.wait(30)

    def say(text: str) -> None:
        said.append(text)
        free.set()

    assert get(cache, from_file(source), say=say).fresh
    holder.join(30)
    assert "waiting for another nodeops" in said[0]


def test_a_cache_that_cannot_be_made_is_a_host_error(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot be made"):
        get(tmp_path / "file" / "cache", from_file(source))
