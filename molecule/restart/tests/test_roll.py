"""A roll that goes wrong touches one node, and puts it back; the chain goes on, and the next good roll completes."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bad_programs
import blocks
import hosts
import pytest
import yaml
from tier import FULL

# What a roll may change, as one line for each file: its content, and where the link points.
FILES = "/var/lib/ledger/config/config.toml /var/lib/ledger/config/genesis.json /etc/systemd/system/ledger.service"
RUNS = "pid=$(systemctl show -p MainPID --value ledger.service); readlink /proc/$pid/exe; sha256sum < /proc/$pid/exe"
LONGEST_GAP_SECONDS = 25
PLAYBOOK = ("site.yml", "--tags", "ledger")
# For a program that hangs all of it is waited; for the others, and to come back beside other work, it may be more.
HANGING_SECONDS, RESTART_SECONDS = 45, 180
ORGANISATIONS = "alpha,beta"


@dataclass(frozen=True)
class Seen:
    """Each node: what its ledger runs, and the files it would be started from at the next boot."""

    runs: dict[str, str]
    files: dict[str, str]


def look() -> Seen:
    configuration = f"{RUNS}; tr '\\0' '\\n' < /proc/$pid/environ | grep NODEOPS_CONFIGURATION"
    files = f"sha256sum {FILES} /opt/ledger/current/cometbft; readlink /opt/ledger/current"
    return Seen(*(hosts.at_once(lambda node: hosts.must(node, line), hosts.NODES) for line in (configuration, files)))  # noqa: B023


def height(node: str) -> int:
    # Unlike status, it asks again where a busy node does not answer at once.
    return int(hosts.verb(node, "ledger", "wait", "--height", "1", "--timeout", "300")["height"])


def rolled(**variables: Any) -> tuple[int, str]:
    """Return how a run ended, and what it said, on one line."""
    done = hosts.play(*PLAYBOOK, "-e", json.dumps({"ledger_restart_seconds": RESTART_SECONDS, **variables}), seconds=900)
    return done.returncode, " ".join(done.stdout.split())


def program(file: Path) -> dict[str, str]:
    return {"source": "file", "path": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def broken_configuration(_: Path) -> dict[str, Any]:
    return {"_ledger_config": "moniker = [broken\n"}


def crashing_program(folder: Path) -> dict[str, Any]:
    return {"ledger_artifact": program(bad_programs.crashing(folder / "crashing", seconds=2))}


def hanging_program(folder: Path) -> dict[str, Any]:
    return {"ledger_artifact": program(bad_programs.hanging(folder / "hanging")), "ledger_restart_seconds": HANGING_SECONDS}


@contextmanager
def version(name: str) -> Iterator[None]:
    """Let the consortium file name another version for a while: this scenario's, which is a link to that of others."""
    file = hosts.SCENARIO / "consortium.yml"
    right, shared = file.read_text(encoding="utf-8"), file.readlink()
    was = yaml.safe_load(right)["ledger"]["version"]
    file.unlink()
    try:
        file.write_text(right.replace(was, name), encoding="utf-8")
        yield
    finally:
        file.unlink(missing_ok=True)
        file.symlink_to(shared)


BAD: list[tuple[Callable[[Path], dict[str, Any]], str, str]] = [
    (broken_configuration, "v0.38.21", "While parsing config: toml"),
    (hanging_program, "v0.38.99", f"waited {HANGING_SECONDS} s for height"),
]
# A program that crashes is in molecule/lifecycle in every run, and what does not start is here.
BAD += [(crashing_program, "v0.38.21", bad_programs.WORDS.decode().strip())] if FULL else []


@pytest.mark.parametrize(("spoiled", "named", "why"), BAD, ids=[row[0].__name__ for row in BAD])
def test_one_node_is_touched_and_put_back(
    tmp_path: Path, spoiled: Callable[[Path], dict[str, Any]], named: str, why: str
) -> None:
    # What runs is kept by the first run that finds it at work.
    hosts.at_once(
        lambda node: hosts.must(node, "nodeops ledger start && test -s /var/lib/nodeops/ledger/worked.json"), hosts.NODES
    )
    before, since = look(), blocks.mark()
    with version(named):
        code, said = rolled(**spoiled(tmp_path))
    assert code != 0, said[-3000:]
    touched = [node for node, process in blocks.mark().process.items() if process != since.process[node]]
    assert len(touched) == 1, said[-3000:]
    assert why in said, said[-3000:]
    assert re.search(
        rf"the ledger of {touched[0]}: .*It was put back to v0.38.21 with configuration \w+, and takes part again", said
    )
    assert look() == before
    blocks.assert_no_long_gap(since, LONGEST_GAP_SECONDS, [node for node in hosts.NODES if node not in touched])


def test_check_mode_says_what_the_next_roll_would_do() -> None:
    before, since = look(), blocks.mark()
    done = hosts.play(*PLAYBOOK, "--check", "--diff", "-e", json.dumps(good()))
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.stdout.count('+log_level = "error"') >= len(hosts.NODES)
    assert done.stdout.count("restart ledger.service") == len(hosts.NODES)
    assert look() == before
    assert blocks.mark().process == since.process


def good() -> dict[str, Any]:
    choices = yaml.safe_load((hosts.SCENARIO / "group_vars/all.yml").read_text(encoding="utf-8"))["nodeops_choices"]
    return {"nodeops_choices": {**choices, "log_level": "error"}}


def test_the_next_good_roll_completes() -> None:
    since = blocks.mark()
    # As a controller that was killed leaves a host: written, and not yet restarted.
    last = hosts.NODES[-1]
    stale = "sed -i s/NODEOPS_CONFIGURATION=./NODEOPS_CONFIGURATION=x/ /etc/systemd/system/ledger.service"
    hosts.must(last, f"{stale}; systemctl daemon-reload")
    before = height(hosts.NODES[0])
    code, said = rolled(**good())
    assert code == 0, said[-3000:]
    # Each restart waits for a block above the one before it: blocks were made between the restarts.
    assert height(hosts.NODES[0]) >= before + len(hosts.NODES)
    now = blocks.mark()
    assert all(now.process[node] != since.process[node] for node in hosts.NODES)


def test_what_somebody_edited_is_put_back_and_its_process_is_another_one() -> None:
    """Its digest is that of the process, which may still have been started from what was edited."""
    since, node = blocks.mark(), hosts.NODES[1]
    hosts.must(node, "echo '# edited' >> /var/lib/ledger/config/config.toml")
    code, said = rolled(**good())
    assert code == 0, said[-3000:]
    now = blocks.mark()
    assert [name for name in hosts.NODES if now.process[name] != since.process[name]] == [node]


def test_a_stale_node_is_found_by_the_playbook_that_only_restarts() -> None:
    since, node = blocks.mark(), hosts.NODES[0]
    stale = "sed -i s/NODEOPS_CONFIGURATION=./NODEOPS_CONFIGURATION=x/ /etc/systemd/system/ledger.service"
    hosts.must(node, f"{stale}; systemctl daemon-reload")
    done = hosts.play("restart.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    now = blocks.mark()
    assert [name for name in hosts.NODES if now.process[name] != since.process[name]] == [node]


def test_the_gate_is_asked_first() -> None:
    """One of four may go. While it is away, the others may not; and where the chain stands, that must be said."""
    first, second, third = hosts.NODES[:3]
    hosts.must(first, "systemctl stop ledger.service")
    try:
        hosts.verb(second, "ledger", "wait", "--blocks", "8", "--timeout", "300")
        since = blocks.mark()
        refused = hosts.run(second, f"nodeops lifecycle restart --roll {ORGANISATIONS} --patience 3")
        assert (refused.code, "3 of 4 voting power is live, 3 needed, 1 is this node's" in refused.err) == (4, True), refused
        assert blocks.mark().process == since.process
        hosts.must(third, "systemctl stop ledger.service")
        until = time.monotonic() + 300
        while "stands" not in gate(second):
            assert time.monotonic() < until, gate(second)
            time.sleep(1)
        refused = hosts.run(second, f"nodeops lifecycle restart --roll {ORGANISATIONS}")
        assert (refused.code, "--chain-stands" in refused.err) == (4, True), refused
        assert blocks.mark().process[second] == since.process[second]
        hosts.must(second, f"nodeops lifecycle restart --roll {ORGANISATIONS} --chain-stands")
        assert blocks.mark().process[second] != since.process[second]
    finally:
        hosts.at_once(lambda node: hosts.must(node, "systemctl start ledger.service"), (first, third))
    hosts.at_once(lambda node: hosts.verb(node, "ledger", "wait", "--blocks", "6", "--timeout", "300"), hosts.NODES)


def gate(node: str) -> str:
    return hosts.must(node, f"nodeops lifecycle restart --dry-run --roll {ORGANISATIONS}")
