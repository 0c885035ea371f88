"""Rules on trial with the real nft, in a network of the test's own; only systemd's timers are a stand-in."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.firewall import change
from nodeops.firewall.live import NFT, loaded
from nodeops.firewall.observe import confirmed_file, observe, state_folder
from nodeops.firewall.standing import standing
from nodeops.host import trial
from tests.filesystems.disks import child, ended
from tests.unit.firewall.samples import document, rules
from tests.unit.host.dying import dies_before
from tests.unit.host.little_systemd import LittleSystemd

_NEW_NETWORK = 0x40000000
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may load rules"),
    pytest.mark.skipif(not Path(NFT).exists(), reason="nft is not installed: apt-get install nftables"),
]


class Host:
    """A host whose network is a namespace that lives as long as its process."""

    def __init__(self, root: Path, systemd: LittleSystemd) -> None:
        self.systemd = systemd
        made = document()
        self.document = made.model_copy(update={"paths": {name: f"{root}{path}" for name, path in made.paths.items()}})
        self.rules = rules(self.document)
        confirmed_file(self.document).parent.mkdir(parents=True)

    def begin_anew(self) -> None:
        """Have no rules and no trial."""
        subprocess.run([NFT, "flush", "ruleset"], check=True)
        for timer in self.systemd.timers:
            (self.systemd.root / "timers" / timer).unlink()
        shutil.rmtree(state_folder(self.document), ignore_errors=True)

    def apply(self) -> str:
        return change.put_on_trial(self.document, observe(self.document, self.rules)).token

    def confirm(self, token: str) -> None:
        change.confirm(self.document, token, console=True)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    systemd = LittleSystemd(tmp_path, "true")
    monkeypatch.setenv("PATH", f"{systemd.programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SHOW_CHILDREN", "1")
    return Host(tmp_path, systemd)


def alone(work: Callable[[], object]) -> None:
    """Do work in a process that has a network of its own; fail when it fails."""

    def apart() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "no network of its own")
        work()

    assert ended(child(apart)) == 0


def test_rules_that_are_confirmed_stay_and_come_at_boot(host):
    def work() -> None:
        seen = observe(host.document, host.rules)
        token = host.apply()
        assert loaded() == seen.wanted
        assert list(host.systemd.timers) == ["nodeops-firewall-undo.timer"]
        host.confirm(token)
        assert (loaded(), host.systemd.timers) == (seen.wanted, {})
        assert confirmed_file(host.document).read_text() == seen.script
        with pytest.raises(Refused, match="no change is on trial"):
            host.confirm(token)
        with pytest.raises(Refused, match="no rules are on trial"):
            change.roll_back(host.document)

    alone(work)


def test_rules_that_nobody_confirms_are_undone_by_nft_alone(host):
    def work() -> None:
        host.apply()
        host.systemd.fire()
        assert loaded() is None
        subprocess.run([NFT, "-f", "-"], input=b"table inet nodeops { chain input { counter comment old; }; }", check=True)
        before = loaded()
        host.apply()
        assert loaded() != before
        host.systemd.fire()
        assert loaded() == before
        host.apply()
        change.roll_back(host.document)
        assert (loaded(), host.systemd.timers) == (before, {})

    alone(work)


def test_what_somebody_changed_meanwhile_is_not_confirmed(host):
    def work() -> None:
        token = host.apply()
        subprocess.run([NFT, "add", "rule", "inet", "nodeops", "input", "tcp", "dport", "9999", "accept"], check=True)
        with pytest.raises(Refused, match="not those on trial"):
            host.confirm(token)
        assert not confirmed_file(host.document).exists()
        assert host.systemd.timers

    alone(work)


def test_without_a_timer_nothing_is_loaded(host):
    def work() -> None:
        (host.systemd.programs / "systemd-run").write_text("#!/bin/sh\nexit 1\n")
        with pytest.raises(HostError):
            host.apply()
        assert (loaded(), trial.recorded(state_folder(host.document))) == (None, None)

    alone(work)


def verdict_of(host: Host) -> tuple[str, list[str]]:
    word, failing = standing(host.document)
    return word, [finding.id for finding in failing]


@pytest.mark.parametrize("name_service", ["answers", "is away"])
def test_rules_that_were_confirmed_and_are_not_in_force_fail_also_without_a_name_service(host, monkeypatch, name_service):
    def asked(document: object) -> object:
        if name_service == "is away":
            raise HostError("the name 'node.b.example' has no address")
        return host.rules

    monkeypatch.setattr("nodeops.firewall.observe.current_rules", asked)

    def work() -> None:
        host.confirm(host.apply())
        (host.systemd.root / "asked").write_text("")
        assert "firewall.live" not in verdict_of(host)[1]
        subprocess.run([NFT, "add", "rule", "inet", "nodeops", "input", "tcp", "dport", "9999", "accept"], check=True)
        assert verdict_of(host)[0] == "drift"
        assert "firewall.live" in verdict_of(host)[1]
        subprocess.run([NFT, "flush", "ruleset"], check=True)
        assert verdict_of(host)[0] == "off"
        assert "firewall.live" in verdict_of(host)[1]

    alone(work)


def test_a_host_without_nft_fails_and_an_undo_goes_on_once_it_is_back(host, monkeypatch):
    def work() -> None:
        host.confirm(host.apply())
        subprocess.run([NFT, "add", "rule", "inet", "nodeops", "input", "tcp", "dport", "9999", "accept"], check=True)
        before = loaded()
        host.apply()
        with monkeypatch.context() as gone:
            for name in ("NFT", "_LIST"):
                gone.setattr(f"nodeops.firewall.live.{name}", "/nowhere/nft")
            assert verdict_of(host) == ("unknown", ["firewall.live"])
            with pytest.raises(HostError, match="is gone"):
                change.roll_back(host.document)
        change.roll_back(host.document)
        assert (loaded(), host.systemd.timers) == (before, {})

    alone(work)


def test_killed_at_any_step_new_rules_are_never_there_without_their_undo(host, stride):
    def work() -> None:
        wanted, undone, step, died = observe(host.document, host.rules).wanted, 0, 0, True
        while died:
            died = dies_before(step, host.apply)
            found = loaded()
            assert found in (None, wanted), step
            if found:
                assert host.systemd.timers, f"loaded before step {step}, and nothing would undo it"
                undone += 1
            host.systemd.fire()
            assert loaded() is None
            host.begin_anew()
            step += stride
        assert undone > (1 if stride == 1 else 0)

    alone(work)
