"""Shipping with a real rclone to real servers on loopback: slow, stuck, cut off, without checksums, lying."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Timeout
from nodeops.disk.ship import rclone as ship_module
from nodeops.disk.ship import rules
from nodeops.disk.ship.rclone import read_acks, recheck, ship
from nodeops.disk.ship.rules import ShipSettings
from nodeops.logstore.naming import Segment
from tests.ports import free_ports
from tests.unit.disk.ship.samples import configuration, damage, dark_remote, local_remote, needs_rclone, segment

pytestmark = needs_rclone
START_SECONDS = 60


@contextmanager
def served(kind: str, kept: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a folder with rclone while the block runs."""
    words = ["rclone", "serve", kind, str(kept), f"--addr=127.0.0.1:{port}", "--user=a", "--pass=b", "--config="]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + START_SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < until
                    time.sleep(0.05)
            yield server
        finally:
            server.kill()


def remote_of(kind: str, folder: Path, port: int) -> ShipSettings:
    """Return a remote of a server on loopback, as an operator would write it down."""
    word = subprocess.run(["rclone", "obscure", "b"], check=True, capture_output=True, text=True).stdout.strip()
    place = {"webdav": f"url = http://127.0.0.1:{port}\nvendor = other", "sftp": f"host = 127.0.0.1\nport = {port}"}[kind]
    return ShipSettings("far:logs", configuration(folder, f"[far]\ntype = {kind}\n{place}\nuser = a\npass = {word}\n"))


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    folder = tmp_path / "sealed"
    folder.mkdir()
    return folder


@pytest.fixture(params=["webdav", "sftp"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ShipSettings, Path]]:
    """Return a remote behind a server, and the folder in which the server keeps what it is sent."""
    kept, (port,) = tmp_path / "kept", free_ports(1)
    kept.mkdir()
    with served(request.param, kept, port):
        yield remote_of(request.param, tmp_path, port), kept / "logs"


def test_a_server_gets_every_byte_and_a_change_there_is_found(far, sealed, tmp_path):
    settings, kept = far
    segments = [segment(sealed, number, 200_000) for number in range(4)]
    done = ship(settings, sealed, segments, tmp_path / "acks")
    assert (len(done.acked), done.refused, recheck(settings, done.acked)) == (4, {}, {})
    assert all((kept / each.name).read_bytes() == (sealed / each.name).read_bytes() for each in segments)
    damage(kept / segments[2].name)
    assert recheck(settings, done.acked) == {segments[2].name: "differs"}


def test_an_upload_that_its_limit_makes_too_slow_is_cut_off_not_acknowledged_and_completed_later(
    far, sealed, tmp_path, monkeypatch
):
    """Without the limit two megabytes would be there at once, and nothing would be cut off."""
    settings, _ = far
    one = segment(sealed, 1, 2_000_000)
    monkeypatch.setattr(ship_module, "call_seconds", lambda *_: 2.0)
    with pytest.raises(Timeout):
        ship(replace(settings, bytes_per_second=100_000), sealed, [one], tmp_path / "acks")
    assert read_acks(tmp_path / "acks") == {}
    monkeypatch.setattr(ship_module, "call_seconds", lambda *_: 60.0)
    done = ship(settings, sealed, [one], tmp_path / "acks")
    assert ([ack.name for ack in done.acked], recheck(settings, done.acked)) == ([one.name], {})


def test_a_half_upload_and_a_damaged_copy_of_the_right_size_are_sent_again(tmp_path, sealed):
    settings, kept = dark_remote(tmp_path)
    segments = [segment(sealed, number) for number in range(2)]
    ship(settings, sealed, segments, tmp_path / "old acks")
    half, damaged = (kept / f"{each.name}.bin" for each in segments)
    half.write_bytes(half.read_bytes()[:1000])
    damage(damaged)
    done = ship(settings, sealed, segments, tmp_path / "acks")
    assert (len(done.acked), done.refused, recheck(settings, done.acked)) == (2, {}, {})


@contextmanager
def listening(accept: bool) -> Iterator[int]:
    """Take connections and never say a word; or refuse them."""
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        if accept:
            door.listen(16)
        yield int(door.getsockname()[1])


def test_a_stuck_server_ends_by_timeout_and_leaves_no_process(tmp_path, sealed, monkeypatch):
    monkeypatch.setattr(rules, "_SETTLE_SECONDS", 2.0)
    with listening(accept=True) as port, pytest.raises(Timeout, match="did not finish"):
        ship(remote_of("sftp", tmp_path, port), sealed, [segment(sealed, 1, 1000)], tmp_path / "acks")
    assert read_acks(tmp_path / "acks") == {}
    assert subprocess.run(["pgrep", "-f", f"config={tmp_path}"], check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize("kind", ["webdav", "sftp"])
def test_a_server_that_is_away_is_said(tmp_path, sealed, kind):
    with listening(accept=False) as port, pytest.raises(HostError, match="refused"):
        ship(remote_of(kind, tmp_path, port), sealed, [segment(sealed, 1)], tmp_path / "acks")
    assert read_acks(tmp_path / "acks") == {}


def test_one_that_lies_between_copy_and_check_is_not_believed(tmp_path, sealed, monkeypatch):
    settings, kept = local_remote(tmp_path)
    good, bad = segment(sealed, 1), segment(sealed, 2)
    real = ship_module._copy

    def copy(settings: ShipSettings, folder: Path, group: Sequence[Segment], again: bool) -> str:
        said = real(settings, folder, group, again)
        damage(kept / bad.name)
        return said

    monkeypatch.setattr(ship_module, "_copy", copy)
    done = ship(settings, sealed, [good, bad], tmp_path / "acks")
    assert ([ack.name for ack in done.acked], done.refused) == ([good.name], {bad.name: "differs"})
