"""What a proposal may cost: enough to end all others, never more than a block has."""

from dataclasses import replace

from nodeops.consortium.orders import Names
from nodeops.consortium.propose import Draft, gas_for
from nodeops.ledger.founding.genesis import MOST_GAS
from tests.unit.consortium.samples import changed, drop, first, organisation
from tests.unit.consortium.test_orders import PROPOSAL

# What x/group charges for each byte of a proposal that it ends, measured on ledgerd v0.1.0: 64946373 for three of 600 kB.
_MEASURED = 36.1


def test_gas_rises_with_orders_and_with_what_the_chain_keeps() -> None:
    large = replace(PROPOSAL, summary="x" * 600_000)
    assert gas_for(1) < gas_for(2) < gas_for(2, [PROPOSAL]) < gas_for(2, [PROPOSAL, PROPOSAL])
    assert gas_for(1, [large]) >= gas_for(1) + 600_000 * _MEASURED
    assert gas_for(1, [large] * 3) == MOST_GAS


def test_a_summary_begins_with_why_it_was_forced_and_fits_the_chain() -> None:
    many = changed(drop("alpha-2"), *(organisation(f"member-{number}") for number in range(20)))
    made = Draft(first(), many, (), Names({}, {}), [], forced=f"forced: {'Ä' * 200}")
    assert made.summary.startswith(f"{made.forced}; validator out: alpha-2")
    assert 1020 < len(made.summary.encode()) <= 1024
    assert Draft(first(), changed(), (), Names({}, {}), []).summary == "nothing on the chain but the digest"
