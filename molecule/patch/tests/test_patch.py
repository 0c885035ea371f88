"""A roll of patches: one host at a time, those without a ledger first, stopped by the first that fails, completed by the next."""

import json
import os
import re
import signal
import subprocess
import time
from itertools import pairwise
from typing import Any

import blocks
import engine
import hosts
import pytest
import repository
from repository import Package, publish, version
from tier import FULL

LONGEST_GAP_SECONDS = 25
UNIT = "[Service]\nExecStart=/usr/lib/lab/program 1000000\n[Install]\nWantedBy=multi-user.target\n"
PROGRAM, UNIT_FILE = "/usr/lib/lab/program", "/usr/lib/systemd/system/lab.service"
# As Debian's packages do: whether the service then runs is not theirs to say.
RESTART = "systemctl restart lab.service || true"
FIRST, *REST = hosts.NODES
# It runs no ledger, so no vote is lost there.
(PLAIN,) = hosts.declared("repositories")
ORGANISATIONS = "alpha,beta"
# What only a reader of this run can tell: each host's package of Debian that has a patch of security pending.
SET_BACK: dict[str, str] = {}


def service(number: str) -> Package:
    return Package("lab-service", number, {PROGRAM: f"PROGRAM {number}", UNIT_FILE: UNIT})


def bad(number: str, postinst: str) -> Package:
    return Package("lab-bad", number, postinst=postinst)


@pytest.fixture(scope="module", autouse=True)
def _pending() -> None:
    """Give every host updates: one of Debian, a service whose program changes, and a package that fails when it is installed."""

    def prepare(node: str) -> None:
        # The host's own look begins when it is installed, and again some minutes after its start: not while packages change here.
        over = "while [ $(systemctl is-active nodeops-patch.service) = activating ]; do sleep 0.5; done"
        hosts.must(node, f"systemctl stop nodeops-patch.timer; {over}")
        # What the image lacks besides is not what these tests are about.
        hosts.must(node, f"nodeops patch apply --class all --roll {ORGANISATIONS} --wait 300")
        publish(node, service("1"), bad("1", ""), Package("lab-slow", "1"))
        hosts.must(node, hosts.unlocked("apt-get -qq -y install lab-service lab-bad lab-slow"))
        hosts.must(node, "systemctl start lab.service")
        SET_BACK[node] = repository.set_back(node)
        if node == PLAIN:
            hosts.must(node, "systemctl enable lab.service")
            publish(node, Package("lab-service", "2", {PROGRAM: "no program", UNIT_FILE: UNIT}, RESTART))
        else:
            publish(node, service("2"), bad("2", "echo made to fail >&2; exit 1"))

    hosts.at_once(prepare, [*hosts.NODES, PLAIN])


def rolled(*options: str) -> tuple[int, str]:
    """Return how a run ended, and what it said, on one line. Molecule makes Ansible colour what it says."""
    done = hosts.play("patch.yml", *options)
    return done.returncode, " ".join(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).split())


def notes(node: str) -> list[Any]:
    return list(hosts.verb(node, "patch", "history")["notes"])


def kinds(node: str) -> list[str]:
    return [note["kind"] for note in notes(node)]


def test_what_is_pending_is_seen_and_exported() -> None:
    said = hosts.verb(FIRST, "patch", "status")
    assert said["pending"]["security"] == 3, said
    assert abs(said["oldest_security_at"] - said["at"]) < 900
    verdicts = {one["id"]: one["verdict"] for one in said["findings"]}
    assert (verdicts["patch.security"], verdicts["patch.dpkg"]) == ("warn", "pass")


def test_a_host_without_a_ledger_is_first_and_what_its_update_broke_stops_the_roll() -> None:
    before = hosts.at_once(kinds, hosts.NODES)
    code, said = rolled()
    assert (code != 0, "lab.service" in said, "does not any more" in said) == (True, True, True), said[-3000:]
    assert (version(PLAIN, "lab-service"), notes(PLAIN)[-1]["kind"]) == ("2", "failed")
    assert hosts.at_once(kinds, hosts.NODES) == before, "a node was touched"
    # The next run takes the package that mends it, and goes on to the nodes.
    publish(PLAIN, Package("lab-service", "3", service("3").files, RESTART))


def test_the_package_that_fails_stops_the_roll_at_the_first_node() -> None:
    before, since = hosts.at_once(kinds, hosts.NODES), blocks.mark()
    code, said = rolled()
    assert code != 0, said[-3000:]
    assert "lab-bad" in said, said[-3000:]
    assert {node: version(node, "lab-bad") for node in hosts.NODES} == {FIRST: "2 half-configured", **dict.fromkeys(REST, "1")}
    assert {node: version(node, "lab-service") for node in REST} == dict.fromkeys(REST, "1")
    assert {node: kinds(node) for node in REST} == {node: before[node] for node in REST}
    assert (version(PLAIN, "lab-service"), kinds(PLAIN)[-1]) == ("3", "done")
    assert hosts.must(PLAIN, "systemctl is-active lab.service").strip() == "active"
    assert SET_BACK[PLAIN] in {name for note in notes(PLAIN) for name in note["data"].get("packages", {})}
    last = notes(FIRST)[-1]
    assert (last["kind"], last["data"]["installed"]["lab-bad"]) == ("failed", "2"), last
    blocks.assert_undisturbed(since, LONGEST_GAP_SECONDS)


def test_the_next_runs_complete_it_one_node_at_a_time_whoever_was_killed() -> None:
    hosts.at_once(lambda node: publish(node, bad("3", "")), hosts.NODES)
    since, begun = blocks.mark(), time.time()
    program = hosts.at_once(lambda node: hosts.must(node, "systemctl show -p MainPID --value lab.service"), hosts.NODES)
    words = ["ansible-playbook", "-i", str(hosts.SCENARIO / "consortium.yml"), "playbooks/patch.yml"]
    controller = subprocess.Popen(words, cwd=hosts.ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 240
    while kinds(FIRST)[-1] == "failed":
        assert time.monotonic() < until
        time.sleep(0.5)
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()
    other = kinds("alpha-2")
    code, said = rolled("-l", "beta")
    assert code == 0, said[-3000:]
    assert kinds("alpha-2") == other, "another organisation's node was touched"
    code, said = rolled()
    assert code == 0, said[-3000:]
    assert len(re.findall(r"beta-\d : ok=\d+ changed=0 ", said)) == 2, "what was patched before was changed again"
    for node in hosts.NODES:
        assert (version(node, "lab-service"), version(node, "lab-bad")) == ("2", "3")
        assert hosts.verb(node, "patch", "status")["pending"]["security"] == 0
        assert hosts.must(node, "systemctl show -p MainPID --value lab.service") != program[node], "it runs what was replaced"
        assert SET_BACK[node] in {name for note in notes(node) for name in note["data"].get("packages", {})}
    assert not overlapping(begun)
    blocks.assert_undisturbed(since, LONGEST_GAP_SECONDS)


def overlapping(begun: float) -> list[str]:
    """Return the nodes whose upgrade began before that of another had ended. Hosts of a lab have one clock."""
    spans = []
    for node in REST:
        new = [note for note in notes(node) if note["time"] > begun]
        assert [note["kind"] for note in new[:2]] == ["begun", "done"], new
        spans.append((new[0]["time"], new[1]["time"], node))
    spans.sort()
    return [later[2] for earlier, later in pairwise(spans) if later[0] < earlier[1]]


@pytest.mark.skipif(
    not FULL, reason="the gate of molecule/restart, asked by tests/unit/lifecycle/patch: a release has both at once"
)
def test_a_node_that_the_others_need_is_not_touched_and_the_numbers_are_said() -> None:
    away, asked = hosts.NODES[-1], hosts.NODES[1]
    publish(asked, service("3"))
    hosts.must(away, "systemctl stop ledger.service")
    try:
        hosts.verb(asked, "ledger", "wait", "--blocks", "8", "--timeout", "300")
        refused = hosts.run(asked, f"nodeops patch apply --roll {ORGANISATIONS} --patience 3")
        assert (refused.code, "3 of 4 voting power is live, 3 needed, 1 is this node's" in refused.err) == (4, True), refused
        assert version(asked, "lab-service") == "2"
    finally:
        hosts.must(away, "systemctl start ledger.service")
    # Not by its blocks: those that it missed come at once, before it votes.
    hosts.verb(away, "lifecycle", "watch", "--blocks", "3", "--timeout", "300")


CLOSE = """
import json, sys, datetime
path = "/etc/nodeops/node.json"
document = json.load(open(path))
day = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)).strftime("%a")
document["organisations"]["alpha"]["patching"] = {"windows": [f"{day} 01:00-05:00"], "blackouts": []}
json.dump(document, open(path, "w"))
"""


@pytest.mark.parametrize("node", [hosts.NODES[1], PLAIN] if FULL else [hosts.NODES[1]])
def test_a_closed_window_refuses_and_a_reason_opens_it(node: str) -> None:
    before = version(node, "lab-service")
    publish(node, service("4"))
    whole = hosts.must(node, "cat /etc/nodeops/node.json")
    hosts.script(node, CLOSE)
    try:
        refused = hosts.run(node, "nodeops patch apply")
        assert (refused.code, "outside of the windows" in refused.err, "wait until" in refused.err) == (4, True, True), refused
        assert version(node, "lab-service") == before
        hosts.must(node, "nodeops patch apply --outside-window 'the hole is used now'")
        assert version(node, "lab-service") == "4"
        assert notes(node)[-1]["data"]["outside_window"] == "the hole is used now"
    finally:
        hosts.must(node, "cat > /etc/nodeops/node.json", given=whole.encode())


HOLD = 'python3 -c \'import fcntl,time; f=open("/var/lib/dpkg/lock-frontend","rb+"); fcntl.lockf(f,2); time.sleep(6)\''


def test_a_run_killed_in_the_middle_is_completed_by_the_next_which_waits_for_a_lock() -> None:
    node = hosts.NODES[2]
    publish(node, Package("lab-slow", "2", postinst="test -e /run/lab-quick || sleep 90"))
    with hosts.begun({node: f"nodeops patch apply --roll {ORGANISATIONS}"}):
        until = time.monotonic() + 300
        while hosts.run(node, "pgrep -f 'lab-slow[.]postinst'").code:
            assert time.monotonic() < until
            time.sleep(0.2)
        # The brackets keep this line itself from being found.
        programs = "$(pgrep -x apt-get) $(pgrep -x dpkg) $(pgrep -f 'lab-slow[.]postinst') $(pgrep -f 'nodeops [p]atch')"
        hosts.must(node, f"kill -9 {programs}")
    assert version(node, "lab-slow") == "2 half-configured"
    assert kinds(node)[-1] == "begun"
    assert hosts.verb(node, "patch", "status")["unfinished"] == ["lab-slow"]
    hosts.must(node, f"touch /run/lab-quick; nohup {HOLD} >/dev/null 2>&1 & sleep 1")
    done = hosts.verb(node, "patch", "apply", "--roll", ORGANISATIONS)
    assert "finish lab-slow" in [change["what"] for change in done["changes"]]
    assert version(node, "lab-slow") == "2"
    assert kinds(node)[-1] == "done"


def test_a_ledger_whose_program_was_replaced_is_restarted_by_leave_of_the_gate() -> None:
    node = hosts.NODES[0]
    file = "/opt/ledger/current/cometbft"
    hosts.must(node, f"real=$(readlink -f {file}); cp -a $real $real.new; mv $real.new $real")
    since = blocks.mark()
    done = hosts.verb(node, "patch", "apply", "--roll", ORGANISATIONS)
    assert [change["what"] for change in done["changes"]] == ["restart ledger.service"]
    now = blocks.mark()
    assert [name for name in hosts.NODES if now.process[name] != since.process[name]] == [node]
    assert kinds(node)[-1] == "restarted"
    assert hosts.verb(node, "patch", "apply", "--roll", ORGANISATIONS)["changes"] == []


def test_nobody_is_asked_where_no_ledger_runs_and_what_runs_on_replaced_files_is_restarted() -> None:
    pid = "systemctl show -p MainPID --value nodeops-exporter.service"
    before = hosts.must(PLAIN, pid)
    hosts.must(PLAIN, f"real=$(readlink -f /proc/$({pid})/exe); cp -a $real $real.new; mv $real.new $real")
    assert "no ledger runs here: no quorum to ask, no lease to take" in hosts.must(PLAIN, "nodeops patch plan")
    done = hosts.verb(PLAIN, "patch", "apply")
    assert "restart nodeops-exporter.service" in [change["what"] for change in done["changes"]], done
    assert hosts.must(PLAIN, pid) != before
    assert hosts.verb(PLAIN, "patch", "apply")["changes"] == []


def start_again(node: str, run: subprocess.Popen[str]) -> None:
    """Wait until a run has rebooted a host. A container does not come back by itself: its start stands for the machine's."""
    container, until = engine.container(node), time.monotonic() + 600
    while engine.docker("inspect", "--format", "{{.State.Running}}", container) == "true":
        assert run.poll() is None, run.stdout.read() if run.stdout else ""
        assert time.monotonic() < until
        time.sleep(0.5)
    hosts.controller("lab", "start", node, "--json")


def test_a_reboot_is_done_by_leave_of_the_gate_and_its_node_takes_part_again() -> None:
    node = "beta-1"
    for name in (PLAIN, node):
        hosts.must(name, "touch /run/reboot-required; echo lab > /run/reboot-required.pkgs")
    before = blocks.mark()
    words = ["ansible-playbook", "-i", str(hosts.SCENARIO / "consortium.yml"), "playbooks/patch.yml", "-l", f"{PLAIN},{node}"]
    options = ["-e", json.dumps({"patch_reboot": True})]
    with subprocess.Popen([*words, *options], cwd=hosts.ROOT, stdout=subprocess.PIPE, text=True) as run:
        for name in (PLAIN, node):
            start_again(name, run)
        said, _ = run.communicate(timeout=600)
    assert run.returncode == 0, said[-3000:]
    assert [kinds(name)[-2:] for name in (PLAIN, node)] == [["reboot", "rebooted"]] * 2
    assert "lab.service" in next(note["data"]["services"] for note in reversed(notes(PLAIN)) if note["kind"] == "reboot")
    now = blocks.mark()
    assert [name for name in hosts.NODES if now.process[name] != before.process[name]] == [node]
    hosts.verb(node, "ledger", "wait", "--synced", "--timeout", "300")
    assert hosts.verb(node, "patch", "history")["findings"] == []
