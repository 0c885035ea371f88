"""Records of authors as a real ledgerd told of them: what is proven of an honest node, and every lie of one that is not."""

import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nodeops.core.errors import Timeout
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cosmos.tx import read
from nodeops.records import logs as reading
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.authored import Entry, Frontier, authored_history, memo_of, record_of, signed_record
from nodeops.records.index import Index
from nodeops.records.report import check, verified
from nodeops.records.versions import FileDigest, History
from tests.unit.ledger.ledgerd_process import CHAIN
from tests.unit.ledger.made_keys import pair
from tests.unit.records.author_chain import ADDRESS, AUTHORS, key, logs, recorded, told, value
from tests.unit.records.test_cli import run

__all__ = ["run"]
A, B, C, D = (f"record/{name}.csv" for name in "abcd")
ANSWERS = recorded()["answers"]
TOP = int(ANSWERS["status"]["sync_info"]["latest_block_height"])


def height(name: str, number: int) -> int:
    """Return where the recorded chain has an author's transaction."""
    (found,) = ANSWERS[f"tx_search tx.acc_seq='{ADDRESS[name]}/{number}'"]["txs"]
    return int(found["height"])


def at(name: str, number: int) -> tuple[str, int, int]:
    return name, number, height(name, number)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_INDEX_SECONDS", 0.0)


def store(url: str, folder: Path, authors: list[Author] | None = None) -> AuthorStore:
    return AuthorStore(logs(url, folder, authors))


def said(history: History) -> list[tuple[str, int, int]]:
    """Return writer, number and height of each version."""
    return [(one.value.node, one.signed.number if one.signed else -1, one.proven.block.height) for one in history.versions]


def test_every_version_has_its_author_and_its_number_and_nothing_is_missing(tmp_path):
    with told() as url:
        found = store(url, tmp_path)
        assert [said(found.history(name)) for name in (A, B, C, D)] == [
            [at("alpha-1", 0)],
            [at("billing", 0)],
            [at("billing", 3)],
            [at("alpha-1", 2)],
        ]
        frontier = found.frontier()
    found_at = {name: frontier.accounts[address] for name, address in ADDRESS.items()}
    counts = {name: account and account.sequence for name, account in found_at.items()}
    assert (frontier.height, counts) == (TOP - 1, {"alpha-1": 3, "billing": 4, "meter": 0, "ghost": None})
    version = found.history(A).versions[0]
    assert (version.signed.key, version.proven.block.signers) == (pair("record alpha-1")[1], version.proven.block.signers)


def test_who_writes_in_anothers_name_is_named_and_does_not_count(tmp_path):
    with told() as url:
        found = store(url, tmp_path)
        (stranger,), (forged,) = found.history(A).forged, found.history(B).forged
    assert "which no member of the consortium knows" in stranger.why
    assert forged.why == "says that it is by billing (beta); the key that signed it is of alpha-1 (alpha)"
    assert (forged.height, stranger.height) == (height("alpha-1", 1), height("alpha-1", 2))


def test_a_key_of_who_left_counts_up_to_its_height(tmp_path):
    former = [one.model_copy(update={"until": height("alpha-1", 1)}) if one.name == "alpha-1" else one for one in AUTHORS]
    with told() as url:
        found = store(url, tmp_path, former)
        assert said(found.history(A)) == [at("alpha-1", 0)]
        history = found.history(D)
    assert history.versions == []
    assert [one.why for one in history.forged] == [
        "is signed by the key of alpha-1 (alpha), which counted up to height " + str(height("alpha-1", 1))
    ]


def test_a_second_reading_fetches_no_block_again(tmp_path):
    asked: list[str] = []

    def noted(method: str, params: dict[str, Any], answer: Any) -> Any:
        asked.append(method)
        return answer

    with told(noted) as url:
        first = said(store(url, tmp_path).history(C))
        asked.clear()
        assert said(store(url, tmp_path).history(C)) == first
    assert {"block", "block_results", "tx_search"} & set(asked) == set()


# --- what is kept ---------------------------------------------------------------------------------------------------------


def _flip(file: Path) -> None:
    with sqlite3.connect(file) as base:
        base.execute("UPDATE numbers SET record = CAST(record || x'00' AS BLOB) WHERE record IS NOT NULL")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:3000])


def _middle(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    file.write_bytes(data)


def _lost_block(file: Path) -> None:
    with sqlite3.connect(file) as base:
        base.execute("UPDATE blocks SET shown = '{}'")


DAMAGED: dict[str, Callable[[Path], object]] = {
    "no database": lambda file: file.write_bytes(b"nonsense" * 1000),
    "cut off": _cut,
    "its middle overwritten": _middle,
    "empty": lambda file: file.write_bytes(b""),
    "a record changed": _flip,
    "a block of nothing": _lost_block,
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_index_is_made_anew(tmp_path, damage):
    with told() as url:
        first = store(url, tmp_path)
        right = [said(first.history(name)) for name in (A, B, C, D)]
        first.logs.index.close()
        damage(tmp_path / "index.sqlite")
        found = store(url, tmp_path)
        assert [said(found.history(name)) for name in (A, B, C, D)] == right


def test_what_was_verified_with_another_genesis_is_not_believed(tmp_path):
    with told() as url:
        store(url, tmp_path).history(A)
    index = Index(tmp_path, "another genesis")
    assert list(index.missing(ADDRESS["alpha-1"], 3)) == [0, 1, 2]
    assert (tmp_path / "index.sqlite").stat().st_mode & 0o777 == 0o600


def test_who_is_refused_for_long_enough_is_told_what_the_node_said(tmp_path):
    with told() as url:
        pen = AuthorPen(store(url, tmp_path), key("alpha-1"), tmp_path)
        pen.refusal = "code 4: unauthorized"
        now = time.monotonic()
        assert pen._extended(now - 1, 5, landed=True) >= now + 5
        assert pen._extended(now + 60, 5, landed=False) == now + 60
        with pytest.raises(Timeout, match="the node said: code 4"):
            pen._extended(now - 1, 5, landed=False)


def test_a_number_that_is_here_twice_hides_no_gap(tmp_path):
    index = Index(tmp_path, "genesis")
    index.put(_block(), [Entry("x", number, 7, 0, tx, None) for number, tx in ((0, ""), (0, "AA"), (2, "BB"), (5, "CC"))], ["x"])
    assert [list(index.missing("x", count)) for count in (1, 3, 7)] == [[], [1], [1, 3, 4, 6]]


# --- deciding -------------------------------------------------------------------------------------------------------------


def _block(height: int = 7) -> ProvenBlock:
    return ProvenBlock(height, "2026-11-01T08:00:00Z", "AB", b"", b"", b"", 3, 4, ("A",))


def entry(name: str, number: int, memo: str, height: int = 7) -> tuple[Entry, ProvenBlock]:
    tx = read(signed_record(key(name), CHAIN, 4, number, memo))
    return Entry(ADDRESS[name], number, height, number, tx.hash, tx.raw), _block(height)


def test_what_does_not_count_is_one_finding_however_often_it_was_written():
    memo = memo_of(A, value("billing", "x"))
    known = {ADDRESS[one.name]: one for one in AUTHORS}
    found = authored_history((entry("alpha-1", number, memo) for number in range(9)), known)
    assert (len(found.forged), found.more_forged) == (3, 6)
    (told,) = check(FileDigest("a.csv", "a.csv", "0" * 64, 1), found).warnings
    assert told.actual.startswith("9 transactions that say they are versions of a.csv do not count: that of height 7 ")


def test_the_same_again_is_no_other_version():
    memo, other = memo_of(A, value("meter", "x")), memo_of(A, value("meter", "y", revises="ab" * 32))
    known = {ADDRESS[one.name]: one for one in AUTHORS}
    found = authored_history([entry("meter", 0, memo), entry("meter", 1, other), entry("meter", 2, memo)], known)
    assert said(found) == [("meter", 0, 7), ("meter", 1, 7)]


MEMOS = {
    "empty": "",
    "no JSON": "{",
    "no key": value("meter", "x").encoded().decode(),
    "a key that is none": memo_of("record/a b", value("meter", "x")),
    "a key that is too long": memo_of("record/" + "a" * 400, value("meter", "x")),
    "another spelling": memo_of(A, value("meter", "x")).replace(":", ": "),
    "more than is known": memo_of(A, value("meter", "x"))[:-1] + ',"z":1}',
    "a list": "[]",
    "no number": memo_of(A, value("meter", "x")).replace('"size":1', '"size":true'),
    "nested without end": "[" * 1000,
}


@pytest.mark.parametrize("memo", MEMOS.values(), ids=MEMOS)
def test_what_is_not_written_as_we_write_it_is_no_record(memo):
    assert record_of(memo) is None


@pytest.mark.parametrize(("minutes", "said"), [(-10, []), (5, []), (6, ["record.stale"])])
def test_a_node_that_shows_an_old_end_is_told(minutes: int, said: list[str]):
    now = datetime.fromisoformat("2026-11-01T08:00:00Z") + timedelta(minutes=minutes)
    answer = verified([], Frontier(7, "2026-11-01T08:00:00Z", {}), now)
    assert [finding.id for finding in answer.findings] == said
    assert answer.lines[-1] == "nothing of 0 authors is missing up to height 7 (2026-11-01 08:00:00 UTC)"


def test_the_longest_record_fits_a_memo():
    longest = value("meter", "x", revises="ab" * 32).model_copy(
        update={"node": "n" * 31, "organisation": "o" * 31, "size": 1 << 62}
    )
    memo = memo_of("record/" + "a" * 393, longest)
    assert (record_of(memo) is not None, len(memo.encode()) <= 1024) == (True, True)
