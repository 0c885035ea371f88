"""Four real validators of three organisations: what the gate says where this host's own node, or another's, lies or lags."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from nodeops.core.errors import HostError
from nodeops.document.models import NodeDocument
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.node.observe import settled_commits
from nodeops.ledger.node.status import LIVE_WINDOW
from nodeops.quorum import leave, others
from nodeops.quorum.leave import observe
from nodeops.quorum.others import compare
from nodeops.quorum.policy import Request
from tests.lab.ledgerd_net import Net, running, until
from tests.unit.ledger.ledgerd_process import program
from tests.unit.ledger.made_keys import identity_of
from tests.unit.quorum.other_hosts import OWNERS, look, look_alone, made, no_leases
from tests.unit.records.chain import Lie, served

__all__ = ["no_leases"]
pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
LOST = "gamma-1"
ADDRESS_OF_LOST = identity_of(LOST, "gamma").validator_address


@dataclass
class Through:
    """A proxy in front of a real node, for `served` to lie with."""

    url: str

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return Rpc(self.url).call(method, **params)
        except HostError as error:
            raise LookupError(error.what) from error


@dataclass
class Network:
    """The chain as it runs, and who answers alpha-1's host."""

    net: Net
    processes: Mapping[str, "subprocess.Popen[bytes]"]
    stack: ExitStack
    patch: pytest.MonkeyPatch

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.net.ports[name][0]}"

    def lying(self, name: str, lie: Lie) -> str:
        """Return where a node answers through a proxy that lies."""
        return f"http://127.0.0.1:{self.stack.enter_context(served(Through(self.url(name)), lie))}"

    def host(self, own: str = "", beta: str = "") -> NodeDocument:
        """Return the document of alpha-1's host. Its own node and beta-1 answer there, themselves if not told otherwise."""
        found, beta = made(("beta-1",)), beta or self.url("beta-1")
        self.patch.setattr(others, "url_of", lambda *_: beta)
        port = int((own or self.url("alpha-1")).rpartition(":")[2])
        rpc = found.ledger.ports["rpc"].model_copy(update={"bind": "127.0.0.1", "port": port})
        genesis = str(self.net.folder / "alpha-1/config/genesis.json")
        ledger = {
            "ports": {**found.ledger.ports, "rpc": rpc},
            "paths": {**found.ledger.paths, "genesis": genesis},
            # What an own node shows that lies is not to be old before it is asked, however slow the machine.
            "block_seconds": 20.0,
        }
        paths = {**found.paths, "trust_state": str(self.net.folder / "trust")}
        return found.model_copy(update={"paths": paths, "ledger": found.ledger.model_copy(update=ledger)})


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    net = Net(tmp_path_factory.mktemp("gate"), list(OWNERS))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        found = Network(net, {name: stack.enter_context(running(net.home(name), program())) for name in OWNERS}, stack, patch)
        until(lambda: len(voters(net.driver("alpha-1"))) == len(OWNERS), "all four vote")
        yield found


@pytest.fixture(scope="module")
def before(network: Network) -> Any:
    """Lose gamma-1, and return what alpha-1 showed while it voted: three of four go on, and none of them may go."""
    own = network.net.driver("alpha-1")
    shown = Rpc(network.url("alpha-1")).call("status")
    network.processes[LOST].terminate()
    network.processes[LOST].wait(120)
    until(lambda: own.status().height > int(shown["sync_info"]["latest_block_height"]) + 10, "blocks go on")
    until(lambda: len(voters(own)) == len(OWNERS) - 1, "it is missed")
    return shown


def voters(node: CometBft) -> set[str]:
    """Return of whom the chain recorded votes lately."""
    seen = node.status()
    commits = settled_commits(node, seen)[:LIVE_WINDOW] if seen.height > LIVE_WINDOW else []
    return {signer for one in commits for signer in one.signers}


def boasts(method: str, result: Any) -> Any:
    if method == "status":
        result["sync_info"]["latest_block_height"] = str(10**9)
    return result


def test_another_organisations_node_proves_what_this_one_shows(network: Network) -> None:
    found = look(network.host())
    assert (found.verdict, found.why.count("judged"), found.why.count("claims")) == ("open", 0, 0), found.why
    shown = observe(network.host(), network.net.driver("alpha-1"))
    [beta] = compare(network.host(), shown).asked
    assert beta.proven is not None, beta.why
    assert beta.proven.voted == shown.live and beta.proven.powers == shown.powers


def test_a_node_of_another_organisation_that_boasts_is_named_and_changes_nothing(network: Network) -> None:
    found = look(network.host(beta=network.lying("beta-1", boasts)))
    assert (found.verdict, "beta-1 (beta) claims height 1000000000 and proves nothing" in found.why) == ("open", True)


def test_a_wrong_clock_does_not_make_a_moving_chain_stand(network: Network, before: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of four go on, and the operator says that the chain stands, as the age of its blocks does."""
    assert before
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    found = leave.look(network.host(), Request(chain_stands=True))
    assert (found.verdict, "blocks come, and by this host's clock the newest is 3" in found.why) == ("closed", True), found.why


def test_an_own_node_that_shows_who_was_live_is_outvoted_by_newer_blocks(network: Network, before: Any) -> None:
    host = network.host(own=network.lying("alpha-1", lambda method, result: before if method == "status" else result))
    alone, found = look_alone(host), look(host)
    assert (alone.verdict, found.verdict) == ("open", "closed"), (alone.why, found.why)
    assert found.why.startswith("3 of 4 voting power is live, 3 needed, 1 is this node's; this node shows height")
    assert "judged by that" in found.why


def test_an_own_node_that_makes_up_votes_is_not_believed(network: Network, before: Any) -> None:
    def lies(method: str, result: Any) -> Any:
        if method == "commit":
            votes = result["signed_header"]["commit"]["signatures"]
            voted = next(one for one in votes if one["block_id_flag"] == 2)
            for one in votes:
                one |= {} if one["block_id_flag"] == 2 else {**voted, "validator_address": ADDRESS_OF_LOST}
        return result

    assert before
    host = network.host(own=network.lying("alpha-1", lies))
    alone, found = look_alone(host), look(host)
    assert (alone.verdict, found.verdict) == ("open", "closed"), (alone.why, found.why)
    assert "this node proves nothing of what it shows" in found.why


def test_a_vote_that_is_missing_is_proven_to_be_missing(network: Network, before: Any) -> None:
    """The hash of a commit is over the slots of those who did not vote, too."""
    assert before
    host = network.host()
    [beta] = compare(host, observe(host, network.net.driver("alpha-1"))).asked
    assert beta.proven is not None, beta.why
    assert set(beta.proven.powers) - beta.proven.voted == {ADDRESS_OF_LOST}
