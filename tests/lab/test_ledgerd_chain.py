"""Several real processes of ledgerd on loopback: a node joins by state sync, a chain goes over to another build by vote, and what
a wrong build computed is taken back.
"""

import json
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from wrong_state import changed

from nodeops.artifacts.own_source import REPOSITORY
from nodeops.document.profile import load_profile
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cosmos.account import send
from nodeops.ledger.cosmos.messages import YES, Vote, pack, propose, schedule_upgrade, self_send
from nodeops.ledger.cosmos.state import ProvenState
from nodeops.ledger.node.begin import environment
from tests.lab.ledgerd_net import SECONDS, Net, built, running, until, until_height
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, program

pytestmark = pytest.mark.lab
ALPHA, BETA, GAMMA = map(organisation_key, ("alpha", "beta", "gamma"))
NODES = ["alpha-1", "beta-1", "gamma-1"]


def beyond_its_first_blocks(node: CometBft) -> bool:
    """Tell whether a node has caught up, and has some blocks above the snapshot that it began with."""
    seen = node.status()
    return not seen.catching_up and seen.height > max(23, seen.earliest_height + 3)


@pytest.mark.timeout(300)
def test_a_node_joins_by_state_sync_with_what_our_verifier_came_to(tmp_path: Path) -> None:
    net = Net(tmp_path, ["alpha-1"], snapshots=10)
    with running(net.home("alpha-1"), program()):
        source = net.driver("alpha-1")
        until_height(source, 23)
        block, servers = Follower(net.trusted(), source).block(15), (f"http://127.0.0.1:{net.ports['alpha-1'][0]}",) * 2
        with running(net.home("witness"), program(), environment("ledgerd", servers, block, datetime.now(UTC))):
            node = net.driver("witness")
            until(lambda: beyond_its_first_blocks(node), "caught up")
            # It has no old blocks, and what it has is proven like everywhere.
            earliest, newest = node.status().earliest_height, node.status().height - 1
            assert earliest > 1
            follower = Follower(net.trusted(), node)
            assert follower.block(newest).height == newest
            with pytest.raises(ProofError):
                follower.block(earliest - 1)
            found = ProvenState(node, follower.block).account(GAMMA.address, newest - 1)
            assert found is not None
            assert found.public_key == GAMMA.public
        lied_to, lie = net.home("lied-to"), environment("ledgerd", servers, replace(block, hash="AB" * 32), datetime.now(UTC))
        with running(lied_to, program(), lie) as process:
            assert process.wait(SECONDS) != 0
        assert f"but got {block.hash}" in (lied_to / "log").read_text()


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_a_chain_goes_over_to_another_build_at_the_height_that_was_voted(tmp_path: Path) -> None:
    net, old, new = Net(tmp_path, NODES), program(), built(tmp_path, "v9.9.9")
    homes = {name: net.home(name) for name in NODES}
    nodes = {name: net.driver(name) for name in NODES}
    first = nodes["alpha-1"]
    with ExitStack() as all_of_them:
        for home in homes.values():
            all_of_them.enter_context(running(home, old))
        until_height(first, 2)
        halt = first.status().height + 30
        plan = propose(ALPHA.address, (schedule_upgrade("v9.9.9", halt),), "", "title", "summary")
        assert send(first, CHAIN, ALPHA, [plan]).code == 0
        assert send(first, CHAIN, BETA, [pack(Vote(1, BETA.address, YES))]).code == 0
        for name, node in nodes.items():
            until_height(node, halt - 1)
            until(lambda home=homes[name]: "UPGRADE" in (home / "log").read_text(), f"{name} halts")  # type: ignore[misc]
        time.sleep(3)
        assert {node.status().height for node in nodes.values()} <= {halt - 1, halt}
        stands = first.status().height
    with ExitStack() as all_of_them:
        # Who starts the old build again comes no further, and two of three are not enough.
        for name, build in (("alpha-1", new), ("beta-1", new), ("gamma-1", old)):
            all_of_them.enter_context(running(homes[name], build))
        until(lambda: first.status().height >= stands, "the new build answers")
        time.sleep(3)
        assert first.status().height <= halt
    with ExitStack() as all_of_them:
        for home in homes.values():
            all_of_them.enter_context(running(home, new))
        for node in nodes.values():
            until_height(node, halt + 3)
        assert send(first, CHAIN, GAMMA, [self_send(GAMMA.address)], "after").code == 0
        follower = Follower(net.trusted(), nodes["gamma-1"])
        assert [follower.block(height).height for height in (1, halt - 1, halt, halt + 1)] == [1, halt - 1, halt, halt + 1]


def sees_more(node: CometBft, height: int) -> bool:
    """Tell whether a peer claims a newer block: what decides a dispute on states (`nodeops.lifecycle.dispute`)."""
    return any(claimed > height for claimed in node.peer_heights().values())


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_the_state_of_a_wrong_build_is_taken_back_and_no_signature_is_forgotten(tmp_path: Path) -> None:
    """By the words that `nodeops lifecycle restart --recompute` uses; the right build alone does not mend it."""
    wrong, words = built(tmp_path, "v0.1.8", changed(REPOSITORY / "ledgerd", tmp_path)), load_profile("cosmos").recompute
    assert words
    net = Net(tmp_path, ["alpha-1"])
    with running(net.home("alpha-1"), program()):
        until_height(net.driver("alpha-1"), 5)
        home, node = net.home("witness"), net.driver("witness")
        with running(home, program()):
            until_height(node, 6)
        with running(home, wrong):
            until(lambda: words.disputed in (home / "log").read_text(), "it stops")
            stuck = node.status().height
            others_go_on = partial(sees_more, node, stuck)
            until(others_go_on, "it sees that the others go on")
        # A witness has signed nothing, and a state that was reset would look like its own: so it signed up to here.
        file = home / "data/priv_validator_state.json"
        state = json.dumps({"height": str(stuck), "round": 1, "step": 3}).encode()
        assert file.read_bytes() != state
        file.write_bytes(state)
        with running(home, program()):
            until(lambda: node.status().height >= stuck, "it answers")
            time.sleep(5)
            assert node.status().height == stuck
            until(others_go_on, "it sees that the others go on")
        # Also when it was killed in between, and is done again.
        for _ in range(2):
            subprocess.run([program(), *words.words, "--home", str(home)], check=True, capture_output=True, timeout=60)
        assert file.read_bytes() == state
        with running(home, program()):
            until_height(node, stuck + 5)
        assert file.read_bytes() == state
