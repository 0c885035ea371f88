"""The ledger's own collector: every vote, round and transaction is counted once, whatever call of a round fails."""

import pytest

from nodeops.core.errors import HostError
from nodeops.exporter import ledger_metrics
from tests.unit.exporter.test_collectors import OTHER, OWN, THIRD, Ledger, ledger, node, value

__all__ = ["node"]


@pytest.mark.parametrize("fails", ["commits", "transactions", "validators"])
def test_a_round_of_which_one_call_fails_loses_no_vote_and_counts_none_twice(node, fails):
    chain, look = Ledger(signers=(OTHER,)), ledger_metrics.LedgerLook()
    ledger(node, chain, look)
    counters = ("consensus_missed_total", "consensus_lost_rounds_total", "consensus_proposed_total", "ledger_transactions_total")
    chain.height, chain.fails = 111, (fails,)
    for _ in range(2):
        with pytest.raises(HostError):
            ledger(node, chain, look)
    chain.height, chain.fails = 114, ()
    assert [value(ledger(node, chain, look), name) for name in counters] == [14, 3, 7, 42]
    assert [value(ledger(node, chain, look), name) for name in counters] == [14, 3, 7, 42]


def test_rounds_that_came_to_nothing_proposals_and_transactions_are_counted_once(node):
    chain, look = Ledger(), ledger_metrics.LedgerLook()
    first = ledger(node, chain, look)
    counters = ("consensus_lost_rounds_total", "consensus_proposed_total", "ledger_transactions_total")
    assert [value(first, name) for name in counters] == [0, 0, 0]
    assert value(first, "consensus_block_interval_seconds") == 2.0
    chain.height = 111
    assert [value(ledger(node, chain, look), name) for name in counters] == [3, 6, 33]
    assert [value(ledger(node, chain, look), name) for name in counters] == [3, 6, 33]


def test_votes_are_counted_once_and_only_from_now_on(node):
    chain, look = Ledger(), ledger_metrics.LedgerLook()
    first = ledger(node, chain, look)
    assert (value(first, "consensus_signed_total"), value(first, "consensus_missed_total")) == (0, 0)
    chain.height = 103
    assert value(ledger(node, chain, look), "consensus_signed_total") == 3
    chain.height, chain.signers = 108, frozenset({OTHER})
    later = ledger(node, chain, look)
    assert (value(later, "consensus_signed_total"), value(later, "consensus_missed_total")) == (3, 5)
    assert chain.asked == (103, 107)
    again = ledger(node, chain, look)
    assert value(again, "consensus_missed_total") == 5
    chain.height, chain.power = 110, 0
    assert value(ledger(node, chain, look), "consensus_missed_total") == 5, "who is no validator misses nothing"


@pytest.mark.parametrize(("signers", "margin"), [((OWN, OTHER, THIRD), 0), ((OWN, OTHER), -1)])
def test_the_margin_is_what_commits_prove(node, signers, margin):
    assert value(ledger(node, Ledger(signers)), "quorum_margin_power") == margin


def test_of_a_chain_that_stands_the_margin_is_unknown(node):
    stands = ledger(node, Ledger(age=600))
    assert value(stands, "quorum_margin_power") is None
    assert value(stands, "ledger_up") == 1


def test_a_ledger_that_does_not_answer_is_down(node):
    class Dead:
        def status(self):
            raise HostError("connection refused")

    assert [(one.name, one.value) for one in ledger(node, Dead())] == [("ledger_up", 0)]


def test_a_dead_rpc_port_is_a_ledger_that_is_down(node):
    """The real driver, and nobody who listens."""
    assert value(list(ledger_metrics.LedgerLook()(node)), "ledger_up") == 0
