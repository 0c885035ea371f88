"""The network keeps committing while all nodes are hardened: no node restarts, no gap of more than 3 block times."""

import re
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import remote

from nodeops.document.load import load_consortium

pytestmark = pytest.mark.usefixtures("hardened")
BLOCK_SECONDS = load_consortium(remote.SCENARIO).ledger.block_seconds
LOG = "/var/log/ledger/ledger.log"


def test_no_gap_while_all_nodes_are_hardened() -> None:
    remote.at_once(lambda node: remote.apply(node, "undo"), remote.NODES)
    before = remote.at_once(process, remote.NODES)
    marks = remote.at_once(lambda node: int(remote.must(node, f"stat -c %s {LOG}")), remote.NODES)
    done = harden()
    assert done.returncode == 0, done.stdout[-6000:]
    assert remote.at_once(process, remote.NODES) == before, "a ledger was restarted"
    gaps = {node: longest_gap(node, marks[node]) for node in remote.NODES}
    assert max(gaps.values()) <= 3 * BLOCK_SECONDS, gaps
    again = harden()
    assert re.findall(r"changed=(\d+)", again.stdout) == ["0"] * len(remote.NODES), again.stdout[-6000:]


def harden() -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(remote.SCENARIO / "consortium.yml")]
    return subprocess.run(
        [*words, "playbooks/harden.yml"], cwd=remote.ROOT, capture_output=True, text=True, timeout=900, check=False
    )


def process(node: str) -> str:
    return remote.must(node, "systemctl show -p MainPID,NRestarts ledger.service").strip()


def longest_gap(node: str, mark: int) -> float:
    """Return the most seconds between two commits in what the ledger logged since the log was so long."""
    said = remote.must(node, f"tail -c +{mark} {LOG} | grep 'committed state'")
    times = [datetime.strptime(found, "%Y-%m-%d|%H:%M:%S.%f") for found in re.findall(r"\[([^\]]+)\] committed", said)]  # noqa: DTZ007
    assert len(times) > 5, said[:500]
    return max((later - earlier).total_seconds() for earlier, later in pairwise(times))
