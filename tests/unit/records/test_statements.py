"""What rooms above put on the ledger beside records: its form, whose it is, and what of it is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from nodeops.core.digest import canonical
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.contents import Included
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cosmos.messages import Coin, Packed, Send, pack, self_send
from nodeops.ledger.cosmos.tx import Signer, sign
from nodeops.records.authored import Entry, entries, key_of, memo_of, record_of, statement_of
from nodeops.records.index import Index
from nodeops.records.statements import seconds_of, stated, statement_memo
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key
from tests.unit.records.author_chain import ADDRESS, AUTHORS, key, value

BODY = {"do": "acquire", "node": "alpha-1"}
MEMO = statement_memo("lease/nodes", BODY)
BLOCK = ProvenBlock(7, "2026-11-28T19:29:35.987654321Z", "AB", b"", b"", b"", 1, 1, ("A",))


@pytest.mark.parametrize(
    "memo",
    [
        *("", "lease", "[]", "{}", "7", '{"key":7}', '{"key":"lease"}', '{"key":"lease/a b"}', '{"key":"record/a","do":"x"}'),
        *(
            '{"key": "lease/a"}',
            '{"b":1,"key":"lease/a","a":2}',
            '{"key":"lease/a","key":"lease/a"}',
            '{"a":NaN,"key":"lease/a"}',
        ),
        *('{"key":"lease/ü"}', '{"a":1.0e0,"key":"lease/a"}', "[" * 5000, '{"key":"lease/' + "a" * 400 + '"}'),
    ],
)
def test_what_is_no_statement(memo: str) -> None:
    assert statement_of(memo) is None
    assert key_of(memo) is None


def test_a_statement_reads_back_as_it_was_written_and_a_record_is_none() -> None:
    assert statement_of(MEMO) == ("lease/nodes", canonical(BODY).decode())
    record = memo_of("record/a.csv", value("alpha-1", "a"))
    assert (key_of(MEMO), key_of(record)) == ("lease/nodes", "record/a.csv")
    assert (record_of(MEMO), statement_of(record)) == (None, None)


def tx(name: str, memo: str, *messages: Packed) -> bytes:
    signer = key(name) if name in ADDRESS else organisation_key(name)
    return sign(list(messages) or [self_send(signer.address)], [Signer(signer, 3, 0)], CHAIN, memo)


def read(*txs: bytes) -> list[Entry]:
    known = dict.fromkeys(ADDRESS.values(), 3)
    return list(entries([Included(one, number, 0) for number, one in enumerate(txs)], 7, CHAIN, known))


def test_of_what_strangers_say_nothing_is_kept_and_only_an_authors_own_coin_carries_a_word() -> None:
    other = pack(Send(ADDRESS["alpha-1"], ADDRESS["meter"], (Coin(amount="1"),)))
    found = read(tx("alpha-1", MEMO), tx("stranger", MEMO), tx("alpha-1", MEMO, other), tx("alpha-1", "hello"))
    assert [(one.place, one.record is not None) for one in found] == [(0, True), (2, False), (3, False)]


def test_whose_it_is_is_proven_and_a_key_that_counts_no_longer_says_nothing(tmp_path: Path) -> None:
    index = Index(tmp_path, "genesis")
    index.put(BLOCK, read(tx("meter", MEMO)), ADDRESS.values())
    authors: dict[str, Author] = {ADDRESS[one.name]: one for one in AUTHORS}
    said = list(stated(index.entries("lease/nodes"), authors))
    assert [(one.author.name, one.height, one.time, dict(one.body)) for one in said] == [("meter", 7, 1795894175, BODY)]
    gone: dict[str, Any] = {"until": 6}
    assert list(stated(index.entries("lease/nodes"), {ADDRESS["meter"]: authors[ADDRESS["meter"]].model_copy(update=gone)})) == []
    assert list(stated(index.entries("lease/nodes"), {})) == []


def test_a_blocks_time_is_in_whole_seconds() -> None:
    assert seconds_of("2026-11-28T19:29:35Z") == seconds_of("2026-11-28T19:29:35.999999999Z") == 1795894175
    assert json.loads(MEMO)["key"] == "lease/nodes"
