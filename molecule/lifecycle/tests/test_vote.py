"""Three controllers take their own hosts over at the height that two of three voted on: one in time, one late, one much later."""

import time
from collections.abc import Callable
from pathlib import Path

import builds
import hosts
import stream
from controllers import Controller
from rolled import OLD, runs
from test_upgrade import VOTED
from tier import FULL

# Until one controller is at the height, on a busy machine: its run begins some blocks before.
AHEAD = 60
PATIENCE_SECONDS = 300


def awaited(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < until, what
        time.sleep(1)


def one_that_is_late_keeps_the_chain_waiting_and_harms_nothing(tmp_path: Path) -> None:
    """Half of the power is alpha's: without it the chain stands. Gamma's quarter is not missed, and it comes when it likes."""
    members = {name: Controller(tmp_path, name) for name in ("alpha", "beta", "gamma")}
    alpha, beta, gamma = members.values()
    for node in alpha.nodes:
        # Keeps what it takes part with: there is something to go back to, were it allowed.
        hosts.verb(node, "ledger", "start")
    for one in members.values():
        one.revises(VOTED, builds.artifact(builds.built(VOTED)))
    height = stream.height() + AHEAD
    alpha.signs("propose", "--upgrade-height", str(height))
    beta.signs("approve")
    first = beta.begins("upgrade.yml")
    awaited(lambda: runs("beta-1") == {VOTED}, "beta goes over")
    # It waits, and says for what; nobody's blocks but those that were there before.
    stood = stream.height()
    assert stood in (height - 1, height)
    time.sleep(10)
    assert (stream.height(), first.poll(), runs("alpha-1", "alpha-2", "gamma-1")) == (stood, None, {OLD})
    code, said = alpha.ended(alpha.begins("upgrade.yml"))
    assert code == 0, said[-4000:]
    code, said = beta.ended(first)
    assert code == 0, said[-4000:]
    assert f"of {height}" in said
    # Gamma's process is there, answers, and has the block that the others had when they stopped.
    assert (runs("alpha-1", "alpha-2", "beta-1"), runs("gamma-1")) == ({VOTED}, {OLD})
    assert hosts.verb("gamma-1", "ledger", "status")["height"] == stood
    assert stream.height() > height + 3
    code, said = gamma.ended(gamma.begins("upgrade.yml"))
    assert code == 0, said[-4000:]
    assert runs() == {VOTED}
    hosts.verb("gamma-1", "lifecycle", "watch", "--blocks", "3")
    code, said = alpha.ended(alpha.begins("rollback.yml"))
    assert (code != 0, "v0.2.0 -> v0.1.0" in said, runs()) == (True, True, {VOTED}), said[-3000:]


if FULL:
    # The last one: nobody goes back from there.
    test_one_that_is_late = one_that_is_late_keeps_the_chain_waiting_and_harms_nothing
