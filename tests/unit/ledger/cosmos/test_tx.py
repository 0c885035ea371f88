"""Transactions and messages: what is written is read again, and nothing else is."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.ledger.cometbft.protowire import blob, fields, integer, message, varint
from nodeops.ledger.cosmos import messages
from nodeops.ledger.cosmos.codec import FormError, decode, encode
from nodeops.ledger.cosmos.messages import (
    TYPES,
    YES,
    Coin,
    Delegate,
    Member,
    Packed,
    Send,
    Vote,
    pack,
    self_send,
    unpack,
    update_members,
)
from nodeops.ledger.cosmos.tx import Signer, read, sign, signed_by
from tests.unit.ledger.ledgerd_process import organisation_key
from tests.unit.records.chain import Seat

KEY, OTHER = organisation_key("alpha"), organisation_key("beta")
CHAIN = "made-up-1"
RAW = sign([self_send(KEY.address)], [Signer(KEY, 1, 7)], CHAIN, "a memo")


def test_a_transaction_is_read_as_it_was_signed() -> None:
    found = read(RAW)
    assert (found.memo, found.messages, found.raw) == ("a memo", (self_send(KEY.address),), RAW)
    assert [(one.address, one.sequence) for one in found.signers] == [(KEY.address, 7)]
    assert signed_by(found, found.signers[0], CHAIN, 1)


def test_a_signature_that_the_chain_accepts_and_openssl_does_not_counts() -> None:
    seat = Seat(1, 1)
    crooked: Any = SimpleNamespace(public=seat.public, sign=seat.crooked)
    found = read(sign([self_send(KEY.address)], [Signer(crooked, 1, 7)], CHAIN, "a memo"))
    assert [signed_by(found, found.signers[0], CHAIN, number) for number in (1, 2)] == [True, False]


@pytest.mark.parametrize(("chain", "number"), [("other-1", 1), (CHAIN, 2), (CHAIN, 0)])
def test_a_signature_is_for_one_chain_and_one_account(chain: str, number: int) -> None:
    found = read(RAW)
    assert not signed_by(found, found.signers[0], chain, number)


def test_two_may_sign() -> None:
    found = read(sign([self_send(KEY.address)], [Signer(KEY, 1, 7), Signer(OTHER, 2, 0)], CHAIN))
    assert [signed_by(found, one, CHAIN, number) for number, one in enumerate(found.signers, 1)] == [True, True]


@given(place=st.integers(0, len(RAW) - 1), value=st.integers(0, 255))
def test_no_changed_byte_passes(place: int, value: int) -> None:
    changed = RAW[:place] + bytes([value]) + RAW[place + 1 :]
    if changed == RAW:
        return
    try:
        found = read(changed)
    except FormError:
        return
    assert not signed_by(found, found.signers[0], CHAIN, 1)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    for shape in TYPES.values():
        try:
            assert encode(decode(shape, data)) == data
        except FormError:
            continue


VOTE = encode(Vote(3, "ledger1x", YES))
REFUSED = {
    "an unknown field": VOTE + blob(9, b"x"),
    "a field twice": VOTE + integer(1, 4),
    "a default that is written": VOTE + varint(4 << 3 | 2) + b"\0",
    "a number in a longer spelling": b"\x08\x83\x00" + VOTE[2:],
    "fields in another order": VOTE[2:] + VOTE[:2],
    "a text where a number belongs": blob(1, b"3") + VOTE[2:],
    "an end inside a field": VOTE[:-3],
    "too large a number": b"\x08" + b"\xff" * 10 + b"\x01",
    "a wire type of 32 bits": b"\x0d\0\0\0\0",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_bytes_that_say_more_than_what_is_shown_are_refused(data: bytes) -> None:
    with pytest.raises(FormError, match="is no Vote"):
        decode(Vote, data)


def test_a_transaction_without_a_number_of_its_own_is_refused() -> None:
    """Field 4 of a body, `unordered`."""
    parts = dict(fields(RAW))
    body, auth = parts[1], parts[2]
    assert isinstance(body, bytes)
    assert isinstance(auth, bytes)
    with pytest.raises(FormError, match="unknown field 4"):
        read(message(1, body + integer(4, 1)) + message(2, auth) + message(3, bytes(64)))


@pytest.mark.parametrize(
    "sent",
    [
        self_send(KEY.address),
        pack(Delegate("a", "b", Coin(amount="1000000"))),
        update_members((Member("a", "1", "alpha"), Member("b", "0"))),
        messages.schedule_upgrade("v0.2.0", 100, "info"),
        messages.propose("a", (self_send("b"), self_send("c")), "text", "title", "summary"),
    ],
    ids=lambda packed: packed.url,
)
def test_messages_both_ways(sent: Packed) -> None:
    assert pack(unpack(sent)) == sent


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(FormError, match="is no type that is known here"):
        unpack(Packed("/cosmos.x.Msg", b""))


def test_every_type_is_a_dataclass_of_numbered_fields() -> None:
    for shape in TYPES.values():
        assert dataclasses.is_dataclass(shape)
    assert encode(Send("a", "b", ())) == blob(1, b"a") + blob(2, b"b")


def test_a_text_that_is_no_utf8_is_read_and_written_as_it_is_but_is_no_memo() -> None:
    raw = encode(Coin("ZZ", "1")).replace(b"ZZ", b"\xff\xfe")
    assert encode(decode(Coin, raw)) == raw
    with pytest.raises(FormError, match="no UTF-8"):
        read(RAW.replace(b"a memo", b"a mem\xff"))
