"""Hosts that other people use, too: a busy package manager, a held package, an account that has become a person's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hosts
import pytest

NODE = hosts.NODES[0]
HOLD = """
import fcntl, time
lock = open("/var/lib/dpkg/lock-frontend", "rb+")
fcntl.lockf(lock, fcntl.LOCK_EX)
time.sleep(300)
"""


def packages(*names: str, check: bool = False) -> dict[str, object]:
    """Return what the module that roles use answers on NODE."""
    ansible = str(Path(sys.executable).parent / "ansible")
    words = [ansible, "-i", str(hosts.SCENARIO / "consortium.yml"), NODE, "--become", "--module-name", "nodeops_packages"]
    words += ["--args", json.dumps({"names": names}), *(["--check"] if check else [])]
    spoken = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_FORCE_COLOR": "0"}
    done = subprocess.run(words, cwd=hosts.ROOT, env=spoken, capture_output=True, text=True, timeout=600, check=False)
    assert "{" in done.stdout, done.stdout + done.stderr
    answer: dict[str, object] = json.loads(done.stdout[done.stdout.index("{") :])
    return answer


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    hosts.must(
        NODE, "apt-mark unhold tree; dpkg --purge tree; usermod --shell /usr/sbin/nologin ledger; systemctl stop hold; true"
    )


def test_packages_wait_for_whoever_has_the_lock_and_check_mode_says_so() -> None:
    hosts.must(NODE, "cat >/run/hold.py && systemd-run --quiet --collect --unit=hold python3 /run/hold.py", given=HOLD.encode())
    plan = packages("tree", check=True)
    assert plan["changed"] is True
    said: list[str] = plan["plan"]  # type: ignore[assignment]
    assert (said[0].startswith("wait for python3 (process "), said[-1]) == (True, "install tree")
    assert hosts.run(NODE, "dpkg-query --status tree").code != 0
    hosts.must(NODE, "systemd-run --quiet --collect --on-active=5 systemctl stop hold")
    assert packages("tree")["changed"] is True
    assert packages("tree")["changed"] is False


def test_an_account_that_became_a_persons_fails_verify_and_stops_a_run_before_it_changes_anything() -> None:
    assert hosts.run(NODE, "nodeops ledger verify").code == 0
    hosts.must(NODE, "usermod --shell /bin/bash ledger")
    failing = [one for one in hosts.verb(NODE, "ledger", "verify", codes=(1,))["findings"] if one["verdict"] == "fail"]
    assert [one["id"] for one in failing] == ["account"]
    assert "/bin/bash" in failing[0]["actual"]
    done = hosts.play("firewall.yml", "--limit", NODE)
    assert (done.returncode == 0, "has the shell /bin/bash" in done.stdout) == (False, True), done.stdout[-3000:]
