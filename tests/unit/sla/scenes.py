"""A chain of four real ledgerd, and what is done to it: validators are stopped, one of them under a lease, one votes twice, the
chain stands for a while."""

import base64
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.blocks import Commit, SignedHeader, Timestamp, vote_sign_bytes
from nodeops.ledger.cometbft.rounds import Page
from nodeops.quorum.lease.entries import KEY
from nodeops.quorum.lease.store import open_leases
from nodeops.records.author_pen import AuthorPen
from nodeops.records.statements import statement_memo
from nodeops.sla.period import Period
from tests.lab.ledgerd_net import Net, running, until, until_height
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.ledgerd_process import CHAIN, program
from tests.unit.ledger.made_keys import identity_of, seed_of
from tests.unit.records.author_chain import key
from tests.unit.records.test_author_pen import store
from tests.unit.sla.samples import CONTRACT

NODES, SLICE = ["alpha-1", "beta-1", "gamma-1", "gamma-2"], 10
ADDRESSES = {name: identity_of(name, "any").validator_address for name in NODES}


@dataclass
class Run:
    """What was done to the chain: hosts by node, and from when until when each thing was so."""

    net: Net
    hosts: dict[str, Path]
    period: Period
    stopped: tuple[float, float]
    leased: tuple[float, float]
    halted: tuple[float, float]
    doubled: int


def block_time(net: Net) -> float:
    found = net.driver("alpha-1").status().block_time
    assert found is not None
    return found.timestamp()


def powers(net: Net) -> set[str]:
    return {one.address for one in net.driver("alpha-1").validators().validators}


def wait_for(net: Net, moment: float) -> None:
    until(lambda: block_time(net) >= moment, "a block of that time")


class Nodes:
    """The four processes, each of which can be stopped and started."""

    def __init__(self, net: Net) -> None:
        self.net, self.running = net, {name: ExitStack() for name in NODES}
        self.homes = {name: net.home(name) for name in NODES}

    def start(self, *names: str) -> None:
        for name in names:
            self.running[name].enter_context(running(self.homes[name], program()))

    def stop(self, *names: str) -> None:
        for name in names:
            self.running[name].close()

    def votes_again(self, name: str) -> None:
        def votes() -> bool:
            height = self.net.driver("alpha-1").status().height
            return all(ADDRESSES[name] in one.signers for one in self.net.driver("alpha-1").commits(height - 3, height - 1))

        until(votes, f"{name} votes again")


def process_of(net: Net, name: str) -> Process:
    rpc = net.ports[name][0]
    return Process(f"http://127.0.0.1:{rpc}", CHAIN, net.folder / name, Page("127.0.0.1", rpc, 1.0))


def lease(run_host: Path, process: Process, node: str) -> None:
    """Acquire a lease on a node of gamma with the key of gamma's application, as a host of gamma does with its own."""
    folder = run_host.parent / "pen"
    terms = open_leases(load_node_document(run_host)).terms.name
    body = {"do": "acquire", "node": node, "seconds": 3600, "reason": "a disk", "after": 1, "terms": terms}
    AuthorPen(store(process, folder), key("meter"), folder).state(KEY, statement_memo(KEY, body), 60)


def vote_twice(net: Net, name: str) -> int:
    """Sign two votes at one height with a validator's key, hand them to another node as evidence, and return the height."""
    node = net.driver("alpha-1")
    height = node.status().height - 1
    header = SignedHeader.model_validate(node.signed_header(height)).header
    place = [one.address for one in sorted(node.validators(height).validators, key=lambda one: (-one.power, one.address))]
    votes = [a_vote(name, height, letter * 64, place.index(ADDRESSES[name])) for letter in "AB"]
    time_of = node.signed_header(height)["header"]["time"]
    value = {
        "vote_a": votes[0],
        "vote_b": votes[1],
        "TotalVotingPower": str(len(NODES)),
        "ValidatorPower": "1",
        "Timestamp": time_of,
    }
    assert header.height == height
    node.rpc.call("broadcast_evidence", evidence={"type": "tendermint/DuplicateVoteEvidence", "value": value})
    return height


def a_vote(name: str, height: int, block: str, index: int) -> dict[str, Any]:
    moment = "2026-11-30T00:00:00Z"
    block_id = {"hash": block, "parts": {"total": 1, "hash": block}}
    commit = Commit.model_validate({"height": height, "round": 0, "block_id": block_id, "signatures": []})
    stamp = Timestamp(int(datetime.fromisoformat(moment).timestamp()), 0)
    signature = Ed25519PrivateKey.from_private_bytes(seed_of(name)).sign(vote_sign_bytes(CHAIN, commit, stamp))
    return {
        "type": 2,
        "height": str(height),
        "round": 0,
        "block_id": block_id,
        "timestamp": moment,
        "validator_address": ADDRESSES[name],
        "validator_index": index,
        "signature": base64.b64encode(signature).decode(),
        "extension": None,
        "extension_signature": None,
    }


def scenes(net: Net, nodes: Nodes, hosts: dict[str, Path]) -> Run:
    begin = int(block_time(net)) + 1
    wait_for(net, begin + SLICE)
    stopped = time.time()
    nodes.stop("gamma-1")
    wait_for(net, stopped + 2.2 * SLICE)
    back = time.time()
    nodes.start("gamma-1")
    nodes.votes_again("gamma-1")
    lease(hosts["alpha-1"], process_of(net, "alpha-1"), "gamma-2")
    leased = block_time(net)
    nodes.stop("gamma-2")
    wait_for(net, leased + 2.2 * SLICE)
    again = time.time()
    nodes.start("gamma-2")
    nodes.votes_again("gamma-2")
    nodes.stop("beta-1", "gamma-1")
    halted = time.time()
    time.sleep(2.2 * SLICE)
    going = time.time()
    nodes.start("beta-1", "gamma-1")
    wait_for(net, going)
    nodes.votes_again("gamma-1")
    doubled = vote_twice(net, "gamma-1")
    until(lambda: ADDRESSES["gamma-1"] not in powers(net), "who voted twice has no power")
    wait_for(net, block_time(net) + 2.2 * SLICE)
    end = begin + -(-(int(block_time(net)) - begin) // SLICE) * SLICE
    wait_for(net, end)
    until_height(net.driver("gamma-1"), net.driver("alpha-1").status().height)
    period = Period("2026-11", "UTC", begin, end, SLICE)
    return Run(net, hosts, period, (stopped, back), (leased, again), (halted, going), doubled)


def written(file: Path, **changed: str) -> Path:
    text = CONTRACT.replace("1" * 40, ADDRESSES["gamma-1"]).replace("2" * 40, ADDRESSES["gamma-2"])
    text = text.replace("slice_seconds: 60", "slice_seconds: 10").replace("Asia/Shanghai", "UTC")
    text = text.replace("notice_minutes: 30", f"notice_minutes: {changed.pop('notice', '0')}")
    for name, value in changed.items():
        text = text.replace(name, value)
    file.write_text(text)
    return file
