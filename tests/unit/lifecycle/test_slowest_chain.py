"""The slowest chain that a consortium file may ask for has nodes that can be restarted: waits are seconds, a vote is blocks."""

from dataclasses import replace
from inspect import signature

from annotated_types import Le

from nodeops.document.models import Ledger
from nodeops.lifecycle.cli import restart
from nodeops.quorum.cli import PATIENCE_SECONDS
from nodeops.quorum.policy import passage
from tests.unit.quorum.test_policy import NAMES, RULE, SEVEN

[SLOWEST] = [float(str(one.le)) for one in Ledger.model_fields["block_seconds"].metadata if isinstance(one, Le)]


def test_a_node_is_back_within_the_time_of_a_restart():
    """When the chain has recorded a vote of it: a block that was under way, one with its vote, and one that records it."""
    assert signature(restart).parameters["timeout"].default / 2 >= 3 * SLOWEST


def test_seven_validators_have_their_turns_within_the_patience_of_a_verb():
    gates = [passage(replace(SEVEN, own=name, height=height), RULE, SLOWEST) for name in NAMES for height in range(140)]
    waits = [one.height - height for one, height in zip(gates, [*range(140)] * 7, strict=True) if one.height is not None]
    assert max(waits) * SLOWEST < PATIENCE_SECONDS
