"""A block that a member filled to annoy is still one whose contents can be proven."""

import base64
import hashlib
from typing import Any

import pytest

from nodeops.ledger.cometbft.blocks import merkle_root
from nodeops.ledger.cometbft.contents import BlockAnswer, ResultsAnswer, prove_contents
from nodeops.ledger.cometbft.proof import ProofError, ProvenBlock
from nodeops.ledger.cometbft.protowire import integer
from tests.tiers import slow


def _proven(height: int, data: bytes = b"", results: bytes = b"") -> ProvenBlock:
    return ProvenBlock(height, "2026-01-01T00:00:00Z", "", data, b"", results, 4, 4, ())


def _codes(txs: list[bytes], results: list[dict[str, Any]], hashed: list[bytes]) -> list[int]:
    data = merkle_root([hashlib.sha256(tx).digest() for tx in txs])
    block = {"block": {"data": {"txs": [base64.b64encode(tx).decode() for tx in txs]}}}
    answer = {"height": "5", "txs_results": results}
    return [one.code for one in prove_contents(block, answer, _proven(5, data), _proven(6, results=merkle_root(hashed)))]


def test_gas_that_the_application_takes_for_negative_is_read_as_it_was_hashed():
    results = [{"gas_wanted": "7"}, {"code": 41, "gas_wanted": "-1", "gas_used": str(-(1 << 63))}]
    hashed = [integer(5, 7), bytes.fromhex("082928ffffffffffffffffff013080808080808080808001")]
    assert _codes([b"a", b"b"], results, hashed) == [0, 41]
    with pytest.raises(ProofError):
        _codes([b"a", b"b"], [results[0], {**results[1], "gas_wanted": str(1 << 63)}], hashed)


@slow
def test_a_block_full_of_the_smallest_transactions_is_read():
    count = (4 << 20) // 3
    assert len(BlockAnswer.model_validate({"block": {"data": {"txs": ["eA=="] * count}}}).block.data.txs or []) == count
    assert len(ResultsAnswer.model_validate({"height": "5", "txs_results": [{}] * count}).txs_results or []) == count
