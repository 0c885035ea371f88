"""CometBFT's rule for signatures: its own verdicts on made votes, and a record that only that rule proves."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.ledger.cometbft import trust, zip215
from nodeops.ledger.cometbft.blocks import SignedHeader
from nodeops.ledger.cometbft.proof import ProofError, prove_block
from tests.unit.records.chain import Chain

CASES = json.loads((Path(__file__).parents[3] / "cases/records/zip215.json").read_text(encoding="utf-8"))["votes"]


def parts(case: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    return bytes.fromhex(case["key"]), bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])


def openssl(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_every_verdict_is_that_of_cometbft():
    assert [case["what"] for case in CASES if zip215.verify(*parts(case)) is not case["accepted"]] == []


def test_the_cases_hold_what_openssl_refuses_and_what_nobody_accepts():
    told = {(case["accepted"], openssl(*parts(case))) for case in CASES}
    assert told == {(True, True), (True, False), (False, False)}


@settings(deadline=None, max_examples=20)
@given(st.binary(max_size=33), st.binary(max_size=8), st.binary(max_size=65))
def test_no_bytes_break_it(key: bytes, message: bytes, signature: bytes):
    assert zip215.verify(key, message, signature) in (True, False)


def crooked(chain: Chain, height: int, seats: int) -> dict[str, object]:
    """Return a signed header in which the first seats' votes have a point of order 2 added to R, as no honest program signs."""
    answer = chain.signed_header(height)
    commit = SignedHeader.model_validate(answer).commit
    for seat, slot, vote in zip(chain.seats[:seats], answer["commit"]["signatures"], commit.signatures, strict=False):
        signed = trust.vote_sign_bytes(chain.name, commit, vote.timestamp)
        slot["signature"] = base64.b64encode(seat.crooked(signed)).decode()
    return answer


@pytest.mark.parametrize("seats", range(5))
def test_a_block_that_the_chain_accepted_is_proven_whatever_the_votes_look_like(seats: int):
    chain = Chain()
    height = chain.commit(b"a=b")
    block = prove_block(crooked(chain, height, seats), height, chain.trusted())
    # OpenSSL is asked first, and the slow rule only for what a quorum needs.
    assert block.power == (4 if seats != 1 else 3)


def test_the_slow_rule_is_not_asked_where_a_quorum_stands_without_it(monkeypatch: pytest.MonkeyPatch):
    chain = Chain()
    height = chain.commit(b"a=b")
    monkeypatch.setattr(zip215, "verify", lambda *_: pytest.fail("asked"))
    assert prove_block(crooked(chain, height, 1), height, chain.trusted()).power == 3


def test_votes_that_nobody_accepts_prove_nothing():
    chain = Chain()
    height = chain.commit(b"a=b")
    answer = crooked(chain, height, 0)
    for slot in answer["commit"]["signatures"][:2]:  # type: ignore[index]
        slot["signature"] = base64.b64encode(base64.b64decode(slot["signature"])[:32] + bytes(32)).decode()
    with pytest.raises(ProofError, match="power 2 of 4 signed"):
        prove_block(answer, height, chain.trusted())
