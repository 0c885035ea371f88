"""Rules that lock out, a controller that dies, a script that does not parse, a change by hand: the host stays reachable."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hosts
import psutil
import pytest
from conftest import apply, live
from engine import container, docker

pytestmark = pytest.mark.usefixtures("restored")
# For a change that nobody confirms; and how long its undo may take then, on a machine that does other things.
SECONDS, PATIENCE_SECONDS = 20, 180
# A revision that lets another network in as operators, and no longer the controller.
LOCK_OUT = (
    "import json,sys; d=json.load(sys.stdin); f=d['limits']['firewall']; f['operators']=['203.0.113.0/24'];"
    f" f['confirm_seconds']={SECONDS}; print(json.dumps(d))"
)
MADE = 'python3 -c "{program}" </etc/nodeops/node.json >/run/changed.json'


def changed_document(node: str, program: str = LOCK_OUT) -> None:
    hosts.must(node, MADE.format(program=program))


def test_rules_that_lock_everyone_out_are_gone_within_the_timer() -> None:
    hosts.at_once(lock_out, ("alpha-1", "alpha-2"))


def lock_out(node: str) -> None:
    before = live(node)
    changed_document(node)
    # At the console, where no login can be cut off, so nothing refuses the rules.
    docker("exec", container(node), "nodeops", "firewall", "apply", "--document", "/run/changed.json")
    assert not hosts.lets_in(node), "the rules lock nobody out"
    hosts.wait_until_reachable(node, SECONDS + PATIENCE_SECONDS)
    assert live(node) == before
    assert hosts.verb(node, "firewall", "check")["state"] == "on"


def test_over_ssh_such_rules_are_refused_before_they_are_loaded() -> None:
    before = live("alpha-1")
    changed_document("alpha-1")
    said = hosts.run("alpha-1", "nodeops firewall apply --document /run/changed.json", new=True)
    assert (said.code, "could not log in again" in said.err) == (4, True)
    changed_document("alpha-1", LOCK_OUT.replace("['203.0.113.0/24']", "[]"))
    said = hosts.run("alpha-1", "nodeops firewall apply --document /run/changed.json", new=True)
    assert (said.code, "no operators" in said.err) == (4, True)
    assert live("alpha-1") == before


def test_only_a_new_login_with_the_right_token_confirms_and_not_twice() -> None:
    hosts.must("beta-1", "true")
    hosts.must("beta-1", "nft add rule inet nodeops input tcp dport 9999 accept")
    token = apply("beta-1", confirm=False)["trial"]["token"]  # type: ignore[index]
    assert hosts.run("beta-1", f"nodeops firewall confirm {token}").code == 4, "the connection is older than the change"
    assert hosts.run("beta-1", f"nodeops firewall confirm {'0' * 32}", new=True).code == 4
    assert hosts.run("beta-1", "nodeops firewall apply").code == 4, "a change is on trial"
    line = f"for try in $(seq 30); do nodeops firewall confirm {token} && exit; sleep 1; done; exit 5"
    assert hosts.run("beta-1", line, new=True).code == 0
    assert hosts.run("beta-1", f"nodeops firewall confirm {token}", new=True).code == 4


def test_a_change_by_hand_is_found_and_taken_back() -> None:
    hosts.must("beta-1", "nft add rule inet nodeops input tcp dport 9999 accept")
    said = hosts.verb("beta-1", "firewall", "check", codes=(1,))
    assert [one["id"] for one in said["findings"] if one["verdict"] == "fail"] == ["firewall.live"]
    assert "9999" in json.dumps(said["findings"])
    assert hosts.verb("beta-1", "status", codes=(1,))["guards"]["firewall"] == "drift"
    assert apply("beta-1")["changed"]
    assert not apply("beta-1")["changed"]
    assert "9999" not in live("beta-1")


def test_a_script_that_does_not_parse_changes_nothing_and_is_replaced() -> None:
    before = live("beta-2")
    hosts.must("beta-2", "sed -i 's/tcp dport/tpc dport/' /etc/nodeops/firewall.nft")
    assert hosts.run("beta-2", "systemctl reload nodeops-firewall").code != 0
    assert live("beta-2") == before
    assert hosts.run("beta-2", "nodeops firewall check").code == 1
    apply("beta-2")
    hosts.must("beta-2", "systemctl reload nodeops-firewall && nodeops firewall check")


def test_tables_of_others_survive_and_a_flush_of_all_brings_ours_back() -> None:
    hosts.must("beta-2", "nft 'table inet stranger { chain c { counter comment \"mine\" ; } ; }'")
    hosts.must("beta-2", "nft add rule inet nodeops input tcp dport 9999 accept")
    apply("beta-2", confirm=False)
    hosts.verb("beta-2", "firewall", "rollback")
    apply("beta-2")
    hosts.must("beta-2", "systemctl stop nodeops-firewall; systemctl start nodeops-firewall")
    assert "mine" in hosts.must("beta-2", "nft list table inet stranger")
    # Debian's own unit begins with `flush ruleset`.
    hosts.must("beta-2", "systemctl start nftables; systemctl restart nftables; systemctl reload nftables")
    assert "stranger" not in hosts.must("beta-2", "nft list tables")
    # A flush may overtake the load that follows the one before it: then it is the watch that loads them.
    back = "for _ in $(seq 30); do nodeops firewall check && break; sleep 1; done"
    hosts.must("beta-2", f"{back}; nodeops firewall check; code=$?; systemctl disable --now nftables; exit $code")


def test_a_killed_apply_leaves_the_old_rules_or_the_new_ones_on_trial() -> None:
    node = "beta-1"
    before = live(node)
    seen = set()
    for tenths in range(1, 11, 2):
        hosts.must(node, "nft add rule inet nodeops input tcp dport 9999 accept")
        dirty = live(node)
        hosts.run(node, f"timeout --signal=KILL 0.{tenths} nodeops firewall apply; sleep 0.5")
        now = live(node)
        assert now in (before, dirty)
        code = hosts.run(node, "nodeops firewall rollback").code
        assert code == 0 if now == before else code in (0, 4)
        assert live(node) == dirty
        seen.add(now)
        apply(node)
        assert live(node) == before
    assert seen, "nothing was tried"


def test_a_full_disk_changes_nothing() -> None:
    node = "beta-1"
    hosts.must(node, "nft add rule inet nodeops input tcp dport 9999 accept")
    dirty = live(node)
    folder = "/var/lib/nodeops/firewall"
    hosts.must(node, f"mount -t tmpfs -o size=4k tmpfs {folder} && head -c 4096 /dev/zero >{folder}/full; true")
    try:
        said = hosts.run(node, "nodeops firewall apply")
        assert (said.code, "No space left" in said.err) == (3, True), said
        assert live(node) == dirty
    finally:
        hosts.must(node, f"umount {folder}")
    apply(node)


@pytest.fixture
def other_inventory(tmp_path: Path) -> Iterator[Path]:
    """Yield a copy of the scenario's inventory in which one more network may log in; put the hosts' documents back after."""
    folder = tmp_path / "inventory"
    shutil.copytree(hosts.SCENARIO, folder, ignore=shutil.ignore_patterns("tests"))
    choices = folder / "group_vars/all.yml"
    text = choices.read_text().replace("172.30.40.60/32]", "172.30.40.60/32, 203.0.113.0/24]")
    choices.write_text(re.sub(r"confirm_seconds: \d+", f"confirm_seconds: {SECONDS}", text))
    yield folder
    done = hosts.play("firewall.yml", "--limit", "alpha-1")
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_controller_that_is_killed_between_apply_and_confirm(other_inventory: Path) -> None:
    node = "alpha-1"
    before = live(node)
    # Not the timer alone: an apply whose connection goes before it loads the rules ends without them.
    watch = "until nft list table inet nodeops | grep -qF 203.0.113.0/24; do sleep 0.02; done"
    words = ["ansible-playbook", "-i", str(other_inventory / "consortium.yml"), "--limit", node, "playbooks/firewall.yml"]
    controller = subprocess.Popen(words, cwd=hosts.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    hosts.must(node, watch, seconds=600)
    # Ansible's workers have sessions of their own, and ssh outlives them: all of it dies at once.
    for process in [*psutil.Process(controller.pid).children(recursive=True), controller]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    controller.wait()
    deadline = time.monotonic() + SECONDS + PATIENCE_SECONDS
    while live(node) != before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert live(node) == before
    assert hosts.run(node, "true", new=True).code == 0
