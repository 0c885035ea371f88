"""What records look like, which version counts, how files stand; and the store over a real socket."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.proof import ProofError, ProvenBlock, ProvenTransaction, Step
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.records.files import name_keys, read_all
from nodeops.records.planned import Plan, overtaken, plan_add
from nodeops.records.report import check
from nodeops.records.store import Store, transaction_hash
from nodeops.records.versions import (
    FileDigest,
    History,
    RecordValue,
    RecordVersion,
    Standing,
    Version,
    content,
    judge,
    ledger_key,
    record_history,
    transaction,
)
from tests.unit.records.chain import Chain, served

KEY = "record/charge.csv"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("charge-2026-11-01.csv", "record/charge-2026-11-01.csv"),
        ("a=b:c/d e'f%", "record/a%3Db%3Ac%2Fd%20e%27f%25"),
        ("充电.csv", "record/%E5%85%85%E7%94%B5.csv"),
    ],
)
def test_a_key_never_holds_what_the_application_splits_at(name: str, key: str):
    assert ledger_key("record", name) == key
    assert content(transaction(key, b"value")) == (key, b"value")


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31m", "a\udcff", "x" * 400, "充" * 50])
def test_a_name_that_is_no_key_is_refused(name: str):
    with pytest.raises(InputError):
        ledger_key("record", name)


@settings(deadline=None, derandomize=True)
@given(st.text(min_size=1, max_size=30).filter(str.isprintable), st.binary(min_size=1, max_size=60))
def test_any_key_and_bytes_come_back_and_fit_the_application(name: str, value: bytes):
    tx = transaction(ledger_key("record", name), value)
    assert tx.count(b"=") == 1
    assert b":" not in tx
    assert content(tx) == (ledger_key("record", name), value)


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_foreign_transaction_is_read_without_a_traceback(tx: bytes):
    assert content(tx) is None or content(tx)


@pytest.mark.parametrize(
    "tx", [b"", b"record/x", b"record/x=", b"=abc", b"val=a!b!1", b"record/x=a=b", b"record/x=a", b"a b/x=abcd"]
)
def test_what_is_not_ours_has_no_content(tx: bytes):
    assert content(tx) is None


@pytest.mark.parametrize(("key", "value"), [("record", b"x"), ("record/a=b", b"x"), ("record/a'", b"x"), (KEY, b"")])
def test_only_made_keys_and_some_bytes_make_a_transaction(key: str, value: bytes):
    with pytest.raises(ValueError, match="not a key"):
        transaction(key, value)


def _version(number: int, sha: str, revises: int | None = None) -> RecordVersion:
    block = ProvenBlock(10 * number, "2026-11-01T00:00:00Z", "B" * 64, bytes(32), bytes(32), bytes(32), 4, 4, ())
    named = f"{revises:064x}" if revises else None
    value = RecordValue(sha256=sha * 64, size=1, organisation="china-unicom", node="cu-1", revises=named)
    return RecordVersion(value, ProvenTransaction(b"", f"{number:064X}", (), block))


FILE = FileDigest("charge.csv", "charge.csv", "a" * 64, 1)
A1, B2, A3 = _version(1, "a"), _version(2, "b", revises=1), _version(3, "a", revises=2)
# The bytes of version 1, sent again by somebody and committed after version 2.
A1_REPLAYED = replace(A1, proven=replace(A1.proven, block=replace(A1.proven.block, height=25)))
B2_UNASKED = _version(2, "b")


@pytest.mark.parametrize(
    ("versions", "standing", "judged_by", "plan", "plan_revise"),
    [
        ((), Standing.ABSENT, None, Plan.ADD, Plan.ADD),
        ((A1,), Standing.MATCHES, A1, Plan.KEEP, Plan.KEEP),
        ((B2_UNASKED,), Standing.CHANGED, B2_UNASKED, Plan.REFUSE, Plan.REVISE),
        ((A1, B2), Standing.SUPERSEDED, A1, Plan.REFUSE, Plan.REVISE),
        ((A1, B2, A3), Standing.MATCHES, A3, Plan.KEEP, Plan.KEEP),
        ((B2, A1_REPLAYED), Standing.SUPERSEDED, A1_REPLAYED, Plan.REFUSE, Plan.REVISE),
        ((A1, B2_UNASKED), Standing.SUPERSEDED, A1, Plan.REFUSE, Plan.REVISE),
    ],
)
def test_a_file_stands_by_the_version_that_counts(
    versions: tuple[RecordVersion, ...], standing: Standing, judged_by: RecordVersion | None, plan: Plan, plan_revise: Plan
):
    history = History(versions)
    judged = judge(FILE, history)
    assert (judged.standing, judged.version) == (standing, judged_by)
    assert (plan_add(FILE, history, False), plan_add(FILE, history, True)) == (plan, plan_revise)


def test_reasons_name_heights_and_hashes():
    assert "version of height 10, superseded at height 20" in judge(FILE, History((A1, B2))).reason
    changed = judge(FILE, History((B2_UNASKED,))).reason
    assert "a" * 64 in changed
    assert "b" * 64 in changed


def test_a_hidden_earlier_version_shows_as_a_gap():
    assert History((B2, A3)).missing == [f"{1:064x}"]
    assert History((A1, B2, A3)).missing == []


def test_a_version_that_counts_after_one_of_another_organisation_is_told_even_when_written_twice():
    b2, a3 = (replace(one, value=one.value.model_copy(update={"organisation": "other"})) for one in (B2, A3))
    (told,) = check(FILE, History((A1, b2, a3))).warnings
    assert (told.id, "cu-1 (china-unicom) at height 10" in told.actual) == ("record.taken_over", True)
    assert check(FILE, History((A1, B2, A3))).warnings == []
    assert check(FILE, History((b2, a3))).warnings[0].id == "record.gap"


def test_what_somebody_else_wrote_meanwhile_is_found():
    assert overtaken(History(()), History((A1, B2)), A1.proven.hash) == [B2]
    assert overtaken(History((A1,)), History((A1, B2)), B2.proven.hash) == []


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff", A1.value.encoded().replace(b"china", b"\\u001b"), b"9" * 9999])
def test_entries_that_are_no_records_are_counted_apart(value: bytes):
    history = record_history([Version(KEY, value, A1.proven), Version(KEY, A1.value.encoded(), A1.proven)])
    assert (history.foreign, len(history.versions)) == (1, 1)


def _digests(*files: Path, allow_empty: bool = False) -> list[FileDigest]:
    return read_all(name_keys(files, None), allow_empty, lambda count: None)


def test_files_are_hashed_as_sha256sum_does(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert _digests(tmp_path / "a") == [
        FileDigest("a", "a", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3)
    ]


def test_an_empty_file_is_no_record_but_can_be_a_changed_one(tmp_path: Path):
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="is empty"):
        _digests(tmp_path / "a")
    assert _digests(tmp_path / "a", allow_empty=True)[0].size == 0


def test_what_is_no_file_is_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    for path, says in [
        (tmp_path, "is a directory"),
        (tmp_path / "fifo", "not a regular file"),
        (Path("/dev/null"), "not a regular file"),
        (tmp_path / "absent", "No such file"),
        (Path(), "is a directory"),
    ]:
        with pytest.raises(InputError, match=says):
            _digests(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path):
    file = tmp_path / "growing"
    file.write_bytes(b"x")

    def grow(_: int) -> None:
        if file.stat().st_size < 5:
            with file.open("ab") as opened:
                opened.write(b"y")

    with pytest.raises(InputError, match="changed while it was read"):
        read_all(name_keys([file], None), False, grow)


@pytest.mark.parametrize(
    ("files", "key", "says"),
    [
        (["a/x", "b/x"], None, "2 files have this name"),
        (["a/\u00e9", "b/e\u0301"], None, "2 files have this name"),
        (["a", "b"], "k", "names one record"),
        (["a\nb"], None, "not a key"),
    ],
)
def test_names_are_checked_before_anything_is_read(files: list[str], key: str | None, says: str):
    with pytest.raises(InputError, match=says):
        name_keys([Path(file) for file in files], key)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def store(chain: Chain) -> Iterator[Store]:
    with served(chain) as port:
        yield _store(chain, port)


def _store(chain: Chain, port: int) -> Store:
    return chain.store(CometBft(Rpc(f"http://127.0.0.1:{port}"), chain.name))


def test_put_bytes_come_back_proven_and_in_ledger_order(store: Store):
    put = [store.put(KEY, value) for value in (b"one", b"two", b"three")]
    assert store.history(KEY) == put
    assert [version.value for version in put] == [b"one", b"two", b"three"]
    assert [version.proven.block.power for version in put] == [4, 4, 4]


def test_putting_the_same_bytes_twice_is_putting_them_once(chain: Chain, store: Store):
    assert store.put(KEY, b"one") == store.put(KEY, b"one")
    assert chain.broadcasts == 1


def test_a_transaction_that_already_waits_is_waited_for(chain: Chain, store: Store):
    chain.halted = True
    with pytest.raises(Timeout, match="run the same again, which is safe"):
        store.put(KEY, b"one", timeout_seconds=0.1)
    store.broadcast(KEY, b"one")
    chain.resume()
    assert store.wait(transaction_hash(transaction(KEY, b"one")), 5).block.height == 1


def test_what_has_the_key_as_its_value_is_not_a_version(chain: Chain, store: Store):
    chain.commit(b"other=" + KEY.encode(), transaction(KEY, b"one"), b"record/charge.csv=not base64!")
    assert [version.value for version in store.history(KEY)] == [b"one"]


def test_more_versions_than_one_page_holds(chain: Chain, store: Store):
    chain.commit(*(transaction(KEY, b"%d" % number) for number in range(230)))
    assert [version.value for version in store.history(KEY)] == [b"%d" % number for number in range(230)]


def test_a_refused_transaction_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nodeops.records.store.transaction", lambda key, value: b"a=b=c")
    with pytest.raises(HostError, match="code 2"):
        store.broadcast(KEY, b"x")


def test_a_node_that_answers_with_another_transaction_is_caught(chain: Chain):
    height = chain.commit(transaction(KEY, b"one"), transaction(KEY, b"two"))

    def first(method: str, result: Any) -> Any:
        return chain.entry(height, 0) if method == "tx" else result

    with served(chain, first) as port, pytest.raises(ProofError) as caught:
        _store(chain, port).find(transaction_hash(transaction(KEY, b"two")))
    assert caught.value.where == Step.TRANSACTION_HASH


def test_a_node_cannot_pass_one_record_off_as_another(chain: Chain):
    height = chain.commit(transaction("record/other", b"proven, but under another key"))

    def other(method: str, result: Any) -> Any:
        return {"txs": [chain.entry(height, 0)], "total_count": "1"} if method == "tx_search" else result

    with served(chain, other) as port:
        assert _store(chain, port).history(KEY) == []


def test_a_node_cannot_change_the_order(chain: Chain):
    chain.commit(transaction(KEY, b"one"), transaction(KEY, b"two"))
    chain.commit(transaction(KEY, b"three"))

    def backwards(method: str, result: Any) -> Any:
        return {**result, "txs": result["txs"][::-1] * 2, "total_count": "6"} if method == "tx_search" else result

    with served(chain, backwards) as port:
        assert [version.value for version in _store(chain, port).history(KEY)] == [b"one", b"two", b"three"]
