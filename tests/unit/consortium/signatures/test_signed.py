"""What signatures come to: as many organisations as keys, and no more."""

import pytest

from nodeops.consortium.signatures.signed import counted
from tests.unit.consortium.samples import changed, first, witness

COUNTED = {
    "one each": ({"1": ["alpha"], "2": ["beta"]}, {"alpha", "beta"}),
    "one twice": ({"1": ["alpha"], "2": ["alpha"]}, {"alpha"}),
    "a key of two": ({"1": ["alpha", "beta"]}, {"alpha"}),
    "a key of two, twice": ({"1": ["alpha", "beta"], "2": ["beta", "alpha"]}, {"alpha"}),
    "a key of two, and one of the first": ({"1": ["alpha", "beta"], "2": ["alpha"]}, {"alpha", "beta"}),
    "a key of two, and one of each": ({"1": ["alpha", "beta"], "2": ["alpha"], "3": ["beta"]}, {"alpha", "beta"}),
    "of nobody": ({"1": []}, set()),
}


@pytest.mark.parametrize(("found", "organisations"), COUNTED.values(), ids=COUNTED)
def test_a_key_counts_once(found, organisations):
    assert counted(first(), changed(witness("gamma-2", "gamma")), found).organisations == organisations
