"""Whoever changes a host holds it: the second waits, is told who is there, and gets its turn or a clear error."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nodeops.agent import cli as agent_cli
from nodeops.core.errors import HostError, Refused
from nodeops.host import lock
from nodeops.host.trial import turn
from tests.tiers import slow

MODULES = Path(__file__).parents[3] / "plugins" / "modules"
HOLDER = """
import sys
from pathlib import Path
from nodeops.host import lock
with lock.held(lock.turn_folder(Path(sys.argv[-1]))):
    print("held", flush=True)
    sys.stdin.read()
"""
SECOND = """
import sys
from nodeops.host import lock
lock.host_paths = lambda: {"state": sys.argv[1]}
from nodeops.cli import main
main(sys.argv[2:])
"""
WORDS = ("lifecycle", "restart", "--roll", "words that nobody else needs")


@pytest.fixture
def holder(tmp_path, own_host):
    """Return another process that holds the host, called as the agent is."""
    script = tmp_path / "nodeops"
    script.write_text(HOLDER, encoding="utf-8")
    words = [sys.executable, script, *WORDS, own_host]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def second(own_host, tmp_path, *more):
    """Run a verb that changes the host, in a process of its own; where it gets its turn it finds no tree, with exit code 3."""
    words = [sys.executable, "-c", SECOND, own_host, "agent", "rollback", "--root", tmp_path / "no-tree", *more]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_the_second_is_told_who_holds_the_host(holder, own_host, tmp_path):
    done = second(own_host, tmp_path, "--wait", "0")
    assert done.returncode == Refused.exit_code
    assert f"another nodeops is at work here: nodeops lifecycle restart (process {holder.pid}" in done.stderr
    assert "--wait SECONDS" in done.stderr
    assert "nobody else needs" not in done.stderr


@slow
def test_a_dry_run_waits_for_nobody(holder, own_host, tmp_path):
    assert second(own_host, tmp_path, "--wait", "0", "--dry-run").returncode == HostError.exit_code


@pytest.mark.parametrize(
    "end", [lambda one: one.stdin.close(), lambda one: os.kill(one.pid, signal.SIGKILL)], ids=["ends", "killed"]
)
@slow
def test_the_second_gets_its_turn_when_the_first(holder, own_host, tmp_path, end):
    timer = threading.Timer(1, end, [holder])
    timer.start()
    done = second(own_host, tmp_path, "--wait", "50")
    timer.join()
    assert (done.returncode, "no agent tree on this host" in done.stderr) == (HostError.exit_code, True)


def test_whoever_waits_hears_for_whom(holder, own_host):
    said = []
    with pytest.raises(Refused), lock.waited(lock.turn_folder(own_host), 0.6, said.append):
        pytest.fail("two holders")
    assert said
    assert all("nodeops lifecycle restart" in one and str(holder.pid) in one for one in said)


def test_a_change_on_trial_and_a_verb_never_meet(holder, own_host):
    (own_host / "firewall").mkdir()
    with pytest.raises(Refused, match="nodeops lifecycle restart"), turn("firewall", own_host / "firewall", 0):
        pytest.fail("two at work")


def test_no_other_user_can_hold_the_host(own_host):
    folder = lock.turn_folder(own_host)
    assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (0o700, os.geteuid())


def test_a_verb_that_only_looks_holds_nothing(holder):
    seen = []

    @lock.changes_host("ensure")
    def verb(ensure: bool = False, dry_run: bool = False) -> None:
        seen.append((ensure, dry_run))

    verb(wait=0)
    verb(ensure=True, dry_run=True, wait=0)
    with pytest.raises(Refused):
        verb(ensure=True, wait=0)
    assert seen == [(False, False), (True, True)]


def test_a_host_that_has_no_state_is_named(own_host):
    own_host.rmdir()
    with pytest.raises(HostError, match="is not there"):
        agent_cli.rollback(wait=0)


COMMANDS = {
    "a verb": (["python3", "-P", "/x/bin/nodeops", "disk", "prepare", "--restart"], "nodeops disk prepare"),
    "a verb by the link": (["/usr/local/bin/nodeops", "ledger", "start"], "nodeops ledger start"),
    "the installer": (["/usr/bin/python3", "/tmp/x/AnsiballZ_nodeops_agent.py", ""], "python3 AnsiballZ_nodeops_agent.py"),
    "a stranger": (["flock", "/var/lib/nodeops/turn", "sleep"], "flock turn sleep"),
    "nothing": ([""], ""),
}


@pytest.mark.parametrize(("words", "name"), COMMANDS.values(), ids=COMMANDS)
def test_a_holder_is_called_by_its_verb(words, name):
    assert lock.verb_of(words) == name


def module_of_the_agent():
    spec = importlib.util.spec_from_file_location("nodeops_agent", MODULES / "nodeops_agent.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_agent_is_switched_beneath_a_verb(own_host):
    held = module_of_the_agent().held
    assert held(own_host / "new-host", 0) == -1
    with lock.held(lock.turn_folder(own_host)):
        assert held(own_host, 0) is None
    handle = held(own_host, 0)
    with pytest.raises(Refused), lock.held(lock.turn_folder(own_host)):
        pytest.fail("two at work")
    os.close(handle)


@slow
def test_who_only_waits_lets_others_have_the_host(own_host, tmp_path):
    """A restart that waits for a lease of others to end, for hours maybe, is in nobody's way."""
    with lock._host(0):
        with lock.let_go():
            assert second(own_host, tmp_path, "--wait", "0").returncode == HostError.exit_code
        assert second(own_host, tmp_path, "--wait", "0").returncode == Refused.exit_code
    assert second(own_host, tmp_path, "--wait", "0").returncode == HostError.exit_code
    with lock.let_go():
        pass
