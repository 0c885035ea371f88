"""The log level lever with real processes: killed at every step it heals, and a real CometBFT logs at the level that is set.

What only a host with systemd shows (a reboot, a timer that fires) is in molecule/disk.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused, Timeout
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.host.lock import held
from nodeops.host.units.service import plan_restart
from nodeops.ledger.node import rejoin, service
from nodeops.logs import level
from nodeops.logs.level import Places, observe, set_level, take_back
from tests.ports import free_ports
from tests.unit.host.little_systemd import LittleSystemd
from tests.unit.ledger.ledger_process import binary

VARIABLE = "CMT_LOG_LEVEL"
CONSORTIUM = """
consortium: test
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: CHAIN}
organisations: {maker: {}}
nodes:
  mak-1: {organisation: maker, duty: validator, address: 192.0.2.1}
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lever is for root")


def documented(folder: Path, chain: str = "test-1", rpc: int = 1) -> NodeDocument:
    (folder / "consortium.yml").write_text(CONSORTIUM.replace("CHAIN", chain))
    made = resolve(load_consortium(folder / "consortium.yml"), "mak-1", {})
    ports = {**made.ledger.ports, "rpc": made.ledger.ports["rpc"].model_copy(update={"port": rpc})}
    ledger = made.ledger.model_copy(update={"ports": ports})
    return made.model_copy(update={"ledger": ledger, "paths": {**made.paths, "run": str(folder / "run")}})


def silent(_: str) -> None:
    """Report nothing."""


class Host:
    """A host whose ledger is a process that sleeps, or a real one."""

    def __init__(self, document: NodeDocument, systemd: LittleSystemd) -> None:
        self.document, self.systemd = document, systemd
        self.where: Places = level.places(document, systemd.root / "units")

    def set(self, name: str, lasting: str | None) -> None:
        set_level(self.document, self.where, name, lasting, 30, silent)

    def back(self, only: str = "") -> None:
        take_back(self.document, self.where, 30, silent, only)

    def fire(self) -> None:
        """Let every timer run out, as systemd would: its service takes the level back, and is tried again when it fails."""
        for name, words in self.systemd.timers.items():
            (self.systemd.root / "timers" / name).unlink()
            self.back(shlex.split(words)[-1])

    def dying(self, act: Callable[[], None], call: int) -> bool:
        """Let a child act and be killed at a call; tell whether it was."""
        self.systemd.reset(die=call)
        child = os.fork()
        if not child:
            try:
                act()
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        self.systemd.reset()
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    def is_back(self) -> bool:
        running = VARIABLE in self.systemd.environment()
        return not (running or self.where.drop_in.exists() or self.where.record.exists() or self.systemd.timers)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    systemd = LittleSystemd(tmp_path, "sleep 1000")
    monkeypatch.setenv("PATH", f"{systemd.programs}:{os.environ['PATH']}")
    monkeypatch.setattr(rejoin, "_SETTLE_SECONDS", 0.02)
    subprocess.run(["systemctl", "restart", "ledger.service"], check=True)
    yield Host(documented(tmp_path), systemd)
    systemd.end()


def test_a_level_is_set_with_a_timer_and_taken_back_by_it(host):
    host.set("debug", "30m")
    assert host.systemd.environment()[VARIABLE] == "debug"
    seen = observe(host.document, host.where)
    assert (seen.level, seen.dropped_in) == ("debug", "debug")
    assert 1800 - 300 < (seen.left or 0) <= 1800
    [words] = host.systemd.timers.values()
    assert "--on-active=1800s" in words
    assert "Restart=on-failure" in words
    assert plan_restart(service.observe(host.document), only_if_stale=True) == []
    host.fire()
    assert host.is_back()
    assert plan_restart(service.observe(host.document), only_if_stale=True) == []
    assert observe(host.document, host.where).level == "info"


def test_a_longer_time_restarts_nothing_and_leaves_the_drop_in_as_old_as_it_is(host):
    host.set("debug", "10m")
    pid, before = host.systemd.pid, host.where.drop_in.stat().st_mtime_ns
    [first] = host.systemd.timers
    host.set("debug", "2h")
    assert (host.systemd.pid, host.where.drop_in.stat().st_mtime_ns) == (pid, before)
    [second] = host.systemd.timers
    assert first != second
    host.back(first.removesuffix(".timer").rpartition("-")[2])
    assert host.systemd.environment()[VARIABLE] == "debug"


def test_another_level_and_then_the_configured_one(host):
    host.set("debug", "10m")
    host.set("error", None)
    assert (host.systemd.environment()[VARIABLE], len(host.systemd.timers)) == ("error", 1)
    host.set("info", None)
    assert host.is_back()


def test_taking_it_back_twice_restarts_once(host):
    host.set("debug", "10m")
    host.back()
    pid = host.systemd.pid
    host.back()
    assert (host.systemd.pid, host.is_back()) == (pid, True)


def test_a_ledger_that_does_not_run_is_not_started_for_this(host):
    host.systemd.end()
    host.set("debug", "10m")
    assert not host.systemd.is_running()
    host.fire()
    assert not (host.where.drop_in.exists() or host.systemd.is_running())


def test_a_reboot_takes_it_back(host):
    host.set("debug", "10m")
    host.systemd.clear()
    shutil.rmtree(host.where.state)
    subprocess.run(["systemctl", "restart", "ledger.service"], check=True)
    assert host.is_back()
    assert observe(host.document, host.where).level == "info"


def test_only_one_at_a_time(host):
    host.where.state.mkdir(parents=True)
    with held(host.where.state), pytest.raises(Refused):
        host.set("debug", "10m")
    assert host.is_back()


def test_without_a_timer_nothing_is_changed(host, monkeypatch):
    (host.systemd.programs / "systemd-run").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(HostError, match="systemd-run"):
        host.set("debug", "10m")
    assert host.is_back()


def test_a_level_with_which_the_ledger_dies_is_still_taken_back(host, monkeypatch):
    # A shell on a busy machine takes its time to leave.
    monkeypatch.setattr(rejoin, "_SETTLE_SECONDS", 3.0)
    (host.systemd.root / "exec").write_text('[ -z "$CMT_LOG_LEVEL" ] || exit 1\nexec sleep 1000\n')
    with pytest.raises(Timeout):
        host.set("debug", "10m")
    assert len(host.systemd.timers) == 1
    (host.systemd.root / "exec").write_text("exec sleep 1000\n")
    subprocess.run(["systemctl", "restart", "ledger.service"], check=True)
    host.fire()
    assert host.is_back()


def test_killed_at_any_step_of_setting_it_goes_back_by_itself(host):
    host.systemd.reset()
    host.set("debug", "10m")
    last = host.systemd.calls
    host.fire()
    for call in range(1, last + 1):
        assert host.dying(lambda: host.set("debug", "10m"), call)
        assert host.systemd.timers or not host.where.drop_in.exists()
        host.fire()
        assert host.is_back(), call


def test_killed_at_any_step_of_changing_it_goes_back_by_itself(host):
    host.set("debug", "10m")
    host.systemd.reset()
    host.set("error", "10m")
    last = host.systemd.calls
    host.fire()
    for call in range(1, last + 1):
        host.set("debug", "10m")
        assert host.dying(lambda: host.set("error", "10m"), call)
        assert host.systemd.timers
        host.fire()
        assert host.is_back(), (call, host.systemd.environment(), host.where, host.systemd.timers)


def test_killed_at_any_step_of_taking_it_back_it_is_completed_by_another_try(host):
    host.set("debug", "10m")
    host.systemd.reset()
    host.back()
    last = host.systemd.calls
    for call in range(1, last + 1):
        host.set("debug", "10m")
        token = next(iter(host.systemd.timers)).removesuffix(".timer").rpartition("-")[2]
        assert host.dying(lambda only=token: host.back(only), call)
        host.back(token)
        host.fire()
        assert host.is_back(), call


def test_a_real_cometbft_logs_at_the_level_that_is_set_and_the_chain_goes_on(tmp_path, monkeypatch):
    rpc, p2p = free_ports(2)
    home = tmp_path / "home"
    subprocess.run([binary(), "init", "--home", home], check=True, capture_output=True, timeout=60)
    config = home / "config/config.toml"
    config.write_text(config.read_text().replace('log_level = "info"', 'log_level = "error"'))
    options = f"--proxy_app kvstore --rpc.laddr tcp://127.0.0.1:{rpc} --p2p.laddr tcp://127.0.0.1:{p2p}"
    systemd = LittleSystemd(tmp_path, f"{binary()} node --home {home} {options}")
    monkeypatch.setenv("PATH", f"{systemd.programs}:{os.environ['PATH']}")
    chain = (home / "config/genesis.json").read_text().partition('"chain_id": "')[2].partition('"')[0]
    host = Host(documented(tmp_path, chain, rpc), systemd)
    try:
        subprocess.run(["systemctl", "restart", "ledger.service"], check=True)
        until = time.monotonic() + 60
        while (height := rejoin.moving_height(host.document)) is None:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert letters(tmp_path) <= {"E"}
        host.set("debug", "30m")
        assert {"D", "I"} <= letters(tmp_path)
        host.fire()
        time.sleep(0.1)
        (tmp_path / "ledger.log").write_bytes(b"")
        time.sleep(2.5)
        assert letters(tmp_path) <= {"E"}
        until = time.monotonic() + 60
        while (rejoin.moving_height(host.document) or 0) <= height:
            assert time.monotonic() < until
            time.sleep(0.2)
    finally:
        systemd.end()


def letters(folder: Path) -> set[str]:
    """Return the levels that stand in the log."""
    return {line[:1] for line in (folder / "ledger.log").read_text(errors="replace").splitlines() if line[1:2] == "["}
