"""What a fault runs on a host: the way back is armed first, each kind has its own, and names are looked at before."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.lab.faults import hold, plan
from nodeops.lab.faults.plan import Fault

NFT = Path("/usr/sbin/nft")
ADDRESSES = {"n1": "192.0.2.1", "n2": "192.0.2.2", "n3": "2001:db8::3"}
EVERY = {
    "cut": plan.cut("n1", "n2", ADDRESSES),
    "cut, IPv6": plan.cut("n1", "n3", ADDRESSES),
    "isolate": plan.isolate("n1", ADDRESSES, "192.0.2.254"),
    "loss": plan.loss("n1", 30, ADDRESSES),
    "loss of all": plan.loss("n1", 100, ADDRESSES),
    "rate": plan.rate("n1", 256, ADDRESSES),
    "slow": plan.slow("n1", 80, 0, ADDRESSES, "192.0.2.254"),
    "slow, with jitter": plan.slow("n1", 80, 20, ADDRESSES, "192.0.2.254"),
    "pause": plan.pause("n1", ADDRESSES),
    "kill": plan.kill("n1", ADDRESSES),
    "fill": plan.fill("n1", "/var/log/led ger", ADDRESSES),
}
FAULTS = [(kind, fault) for kind, faults in EVERY.items() for fault in faults]


@pytest.mark.parametrize(("kind", "fault"), FAULTS, ids=[f"{kind} {fault.node}" for kind, fault in FAULTS])
def test_a_shell_reads_it_and_the_way_back_is_armed_before(kind: str, fault: Fault) -> None:
    script = fault.script(30)
    subprocess.run(["sh", "-n", "-c", script], check=True)
    if kind != "kill":
        assert script.index("systemd-run") < script.index(fault.make)
        assert "--on-active=30 " in script


def test_a_cut_is_made_on_both_sides() -> None:
    assert [(fault.node, fault.what) for fault in EVERY["cut"]] == [("n1", "cut from n2"), ("n2", "cut from n1")]
    assert "ip saddr 192.0.2.2 drop" in EVERY["cut"][0].make
    assert "ip6 daddr 2001:db8::3 drop" in EVERY["cut, IPv6"][0].make


def test_what_is_slow_is_said_and_its_program_is_the_one_under_test() -> None:
    (plain,), (jittery,) = EVERY["slow"], EVERY["slow, with jitter"]
    assert (plain.what, jittery.what) == ("slow by 80 ms", "slow by 80 ms, give or take 20 ms")
    assert Path(hold.__file__).read_text() in shlex.split(plain.make)
    assert "output 80 0 " in plain.make
    assert "output 80 20 " in jittery.make


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(not NFT.exists(), reason="nft is not installed: apt-get install nftables")
@pytest.mark.parametrize("fault", [fault for kind, fault in FAULTS if "nft" in fault.make], ids=lambda fault: fault.what)
def test_nft_takes_its_rules(fault: Fault) -> None:
    rules = shlex.split(fault.make)[1]
    subprocess.run(["unshare", "--net", NFT, "--check", rules], check=True, capture_output=True)


def test_what_no_fault_can_be_made_of_is_refused() -> None:
    with pytest.raises(InputError, match="no such host: n9"):
        plan.cut("n1", "n9", ADDRESSES)
    with pytest.raises(InputError, match="no such host: n9"):
        plan.pause("n9", ADDRESSES)
    with pytest.raises(InputError, match="jitter of 81 ms is more than the delay"):
        plan.slow("n1", 80, 81, ADDRESSES, "192.0.2.254")
    with pytest.raises(InputError, match="is not an absolute path"):
        plan.fill("n1", "var/log", ADDRESSES)
