"""Nodes of other organisations that lie, lag and drip on real sockets, and an own one that does: what is not proven is told."""

import copy
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nodeops.document.models import NodeDocument
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.rejoin import Part
from nodeops.lifecycle.restart import part_of
from nodeops.quorum import leave, others
from nodeops.quorum.policy import Request
from tests.unit.ledger.ledgerd_process import CHAIN
from tests.unit.ledger.linked_chain import Linked
from tests.unit.ledger.rpc_server import talking
from tests.unit.quorum.other_hosts import STEADY, host, look, look_alone, network, no_leases
from tests.unit.records.chain import Lie

__all__ = ["host", "network", "no_leases"]
MEND = Request(elsewhere=0, chain_stands=True)


def test_all_show_the_same(host: Any, network: Linked) -> None:
    with host(network, beta_1=(network.as_of(2), None), gamma_1=(network.until(20).as_of(3), None)) as document:
        found = look(document)
    assert (found.verdict, found.why) == ("closed", "3 of 4 voting power is live, 3 needed, 1 is this node's")


# What a lying or lagging own node can do.


def test_a_lagging_own_node_is_outvoted_by_newer_proven_blocks(host: Any, network: Linked) -> None:
    """It shows who was live ten blocks ago, and that is not yet stale."""
    with host(network.until(STEADY), beta_1=(network.as_of(2), None)) as document:
        alone = look_alone(document)
        found = look(document)
    assert (alone.verdict, found.verdict) == ("open", "closed")
    assert found.why.startswith(
        "3 of 4 voting power is live, 3 needed, 1 is this node's; this node shows height 30, beta-1 (beta)"
    )
    # A restart waits for what this node itself had.
    assert found.seen is not None and found.seen.height == STEADY


def vote_of_gamma(network: Linked) -> Lie:
    """Show votes of a validator that is gone, in every commit."""

    def lie(method: str, result: Any) -> Any:
        if method == "commit":
            result = copy.deepcopy(result)
            signatures = result["signed_header"]["commit"]["signatures"]
            signatures[3] = {**signatures[0], "validator_address": network.seats[3].address}
        return result

    return lie


def test_a_lying_own_node_makes_up_no_votes(host: Any, network: Linked) -> None:
    with host(network, vote_of_gamma(network), beta_1=(network.as_of(2), None)) as document:
        alone, found = look_alone(document), look(document)
    assert (alone.verdict, found.verdict) == ("open", "closed")
    assert "this node proves nothing of what it shows at height 40: the votes for block 39 are not those" in found.why
    assert "judged by what beta-1 (beta) proves at height 40" in found.why


def test_a_lying_own_node_that_nobody_contradicts_is_named_and_not_refused(host: Any, network: Linked) -> None:
    """Two lie or lag: that is not held, and it is said."""
    with host(network, vote_of_gamma(network)) as document:
        found = look(document)
    assert found.verdict == "open"
    assert "this node proves nothing of what it shows" in found.why
    assert "judged by alpha-1 (alpha) alone: beta-1 (beta): does not answer: connection refused; gamma-1 (gamma)" in found.why


@pytest.mark.usefixtures("brief_watch")
def test_a_lying_own_node_that_plays_dead_does_not_keep_its_host_from_a_restart(host: Any) -> None:
    """All are live, and it shows an old block as its newest: by its word the chain stands."""
    chain = Linked(name=CHAIN).grow(100)
    with host(chain.until(40), beta_1=(chain.as_of(2), None)) as document:
        alone, found = look_alone(document), look(document)
    assert (alone.verdict, found.verdict) == ("stands", "open")
    assert "this node shows height 40, beta-1 (beta) proves 100: judged by that" in found.why
    assert found.seen is not None and not found.seen.moving


def test_a_chain_whose_blocks_come_does_not_stand_whatever_this_hosts_clock_says(host: Any) -> None:
    """By the age of its blocks it stands, for an hour."""
    chain = Linked(name=CHAIN).grow(40, newest_at=datetime.now(UTC) - timedelta(hours=1))
    asked: list[str] = []

    def grows(method: str, result: Any) -> Any:
        """Show the block before, until it was asked again."""
        asked.append(method)
        return chain.until(39).answer("status", {}) if method == "status" and asked.count("status") == 1 else result

    for lie, moving in ((grows, True), (None, False)):
        with host(chain, lie) as document:
            assert leave.observe(document, driver_for(document)).moving is moving


def without_peers(method: str, result: Any) -> Any:
    return {"peers": []} if method == "dump_consensus_state" else result


def test_a_lying_own_node_that_says_it_is_behind_is_needed_as_long_as_it_votes(host: Any) -> None:
    """By its word it has no peer, and an old block: the others would do without it."""
    old = Linked(name=CHAIN).grow(30, newest_at=datetime.now(UTC) - timedelta(seconds=60)).grow(40, silent=(3,))
    with host(old.until(30), without_peers, beta_1=(old.as_of(2), None)) as document:
        alone, found = look_alone(document), look(document)
    assert (alone.verdict, found.verdict) == ("open", "closed")


def silent(document: NodeDocument) -> NodeDocument:
    """Return the document of a host whose ledger is there and does not answer."""
    rpc = document.ledger.ports["rpc"].model_copy(update={"port": 1})
    ledger = document.ledger.model_copy(update={"ports": {**document.ledger.ports, "rpc": rpc}})
    return document.model_copy(update={"ledger": ledger})


SILENT = {
    "needed": ((3,), "closed"),
    "the others do without it": ((), "open"),
    "it does not vote": ((0,), "open"),
}


@pytest.mark.parametrize(("gone", "verdict"), SILENT.values(), ids=SILENT)
def test_the_word_for_a_node_that_does_not_answer_counts_as_far_as_others_prove_that_it_may_go(
    host: Any, gone: tuple[int, ...], verdict: str
) -> None:
    chain = Linked(name=CHAIN).grow(30).grow(10, silent=gone)
    with host(chain, beta_1=(chain.as_of(2), None)) as document:
        found, unsaid = look(silent(document), MEND), look(silent(document))
    assert (found.verdict, unsaid.verdict) == (verdict, "silent")
    assert "this node proves nothing: does not answer: connection refused; judged by what beta-1" in found.why
    # A restart waits for a block above what others have, and for its vote where it voted.
    assert part_of(found.seen) == Part(40, votes=0 not in gone)


def test_where_nobody_proves_anything_of_a_node_that_does_not_answer_the_word_counts(host: Any, network: Linked) -> None:
    with host(network) as document:
        assert look(silent(document), MEND).verdict == "open"
    other = Linked(name=CHAIN, powers=(1, 1, 1, 1)).grow(40)
    with host(other, beta_1=(other.as_of(2), None)) as document:
        genesis = Path(document.ledger.paths["genesis"])
        genesis.write_text(genesis.read_text().replace('"alpha-1"', '"gone-1"'))
        assert look(silent(document), MEND).verdict == "open"


# What a lying or lagging node of another organisation can do.


def boasts(method: str, result: Any) -> Any:
    if method != "status":
        return result
    return {**result, "sync_info": {**result["sync_info"], "latest_block_height": str(10**9)}}


def hides_votes(method: str, result: Any) -> Any:
    """Leave the vote of alpha-1 out of every commit: more than 2/3 are left, so each still proves its block."""
    if method == "commit":
        result = copy.deepcopy(result)
        result["signed_header"]["commit"]["signatures"][0] = NO_VOTE
    return result


NO_VOTE = {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (
            boasts,
            "beta-1 (beta) claims height 1000000000 and proves nothing: the ledger says: Internal error: height 1000000000 must",
        ),
        (
            hides_votes,
            "judged by alpha-1 (alpha) alone: beta-1 (beta): the votes for block 59 are not those that the block above",
        ),
        (lambda *_: {"\x1b[2J": "\x07"}, "beta-1 (beta): the answer cannot be true"),
        (lambda *_: {"deep": "x" * (3 << 20)}, "beta-1 (beta): the answer is larger than 2097152 bytes"),
    ],
    ids=["boasts", "hides votes", "nonsense", "floods"],
)
def test_a_lying_other_node_changes_words_and_nothing_else(host: Any, lie: Lie, says: str) -> None:
    chain = Linked(name=CHAIN).grow(60)
    with host(chain, beta_1=(chain.as_of(2), lie)) as document:
        found = look(document)
    assert (found.verdict, says in found.why, found.why.isprintable()) == ("open", True, True), found.why


def test_a_lying_other_node_can_keep_back_what_is_new_and_no_more(host: Any, network: Linked) -> None:
    with host(network, beta_1=(network.until(STEADY).as_of(2), None)) as document:
        assert look(document).verdict == "closed"


def test_a_chain_of_its_own_with_the_same_name_is_not_believed(host: Any) -> None:
    chain, forged = Linked(name=CHAIN).grow(20), Linked((1,) * 8, CHAIN, own=5)
    forged.seats = forged.seats[4:]
    forged.own = 1
    forged.grow(80, silent=(0,))
    with host(chain, beta_1=(forged, None)) as document:
        found = look(document)
    assert found.verdict == "open"
    assert "beta-1 (beta) claims height 80 and proves nothing: " in found.why


def test_of_several_others_one_that_lies_does_not_hide_what_another_proves(host: Any, network: Linked) -> None:
    lied = {"beta_1": (network.as_of(2), boasts), "gamma_1": (network.as_of(3), None)}
    with host(network.until(STEADY), **lied) as document:
        found = look(document)
    assert found.verdict == "closed"
    assert "gamma-1 (gamma) proves 40" in found.why and "beta-1 (beta) claims height 1000000000" in found.why


def test_one_that_drips_costs_seconds_and_no_more(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "_SECONDS", 1.0)
    chain = Linked(name=CHAIN).grow(60)

    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)

    with talking(drip) as url, host(chain, beta_1=url) as document:
        found = look(document)
    assert (found.verdict, "beta-1 (beta): no whole answer within 1 seconds" in found.why) == ("open", True)


def test_one_that_is_slow_with_each_answer_costs_seconds_for_all_of_them(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "_SECONDS", 1.0)
    chain = Linked(name=CHAIN).grow(60)

    def slow(_: str, result: Any) -> Any:
        time.sleep(0.4)
        return result

    with host(chain, beta_1=(chain.as_of(2), slow)) as document:
        found = look(document)
    assert (found.verdict, "beta-1 (beta): no whole answer" in found.why) == ("open", True)


def test_a_set_of_validators_that_no_consortium_has_is_not_verified(host: Any) -> None:
    chain, crowd = Linked(name=CHAIN).grow(5), Linked((1,) * 301, CHAIN).grow(8)

    def pages(method: str, result: Any) -> Any:
        return result

    crowd._validators = _paged(crowd)  # type: ignore[method-assign]
    with host(chain, beta_1=(crowd, pages)) as document:
        found = look(document)
    assert "beta-1 (beta): shows 301 validators" in found.why


def _paged(chain: Linked) -> Any:
    told = Linked._validators(chain, "1", "100")["validators"]

    def answer(page: str, per_page: str, height: str = "") -> dict[str, Any]:
        start = (int(page) - 1) * int(per_page)
        return {"block_height": height or "9", "validators": told[start : start + int(per_page)], "total": str(len(told))}

    return answer
