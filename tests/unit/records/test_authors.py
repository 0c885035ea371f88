"""Records of authors as a real ledgerd told of them: what is proven of an honest node, and every lie of one that is not."""

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.core.errors import HostError
from nodeops.document.resolve import resolve
from nodeops.ledger.authors import Author, Authors
from nodeops.ledger.cometbft.proof import ProofError, ProvenBlock
from nodeops.ledger.cosmos.address import address_bytes
from nodeops.ledger.cosmos.tx import read
from nodeops.records import logs as reading
from nodeops.records.author_store import AuthorStore
from nodeops.records.authored import Entry, authored_history, memo_of, record_of, signed_record
from nodeops.records.index import Index
from nodeops.records.logs import Frontier, GapError
from nodeops.records.report import verified
from nodeops.records.versions import History
from tests.unit.ledger.ledgerd_process import CHAIN, consortium, key_file
from tests.unit.ledger.made_keys import pair
from tests.unit.records.author_chain import ADDRESS, AUTHORS, Lie, key, logs, recorded, told, value
from tests.unit.records.chain import Chain
from tests.unit.records.test_cli import Run, run
from tests.unit.records.test_cli import node as sample_node

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


FAILED, SENT_AGAIN, LAST = height("billing", 2), height("billing", 3), height("alpha-1", 2)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert (forged.height, stranger.height) == (height("alpha-1", 1), LAST)


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
    assert index.missing(ADDRESS["alpha-1"], 3) == [0, 1, 2]
    assert (tmp_path / "index.sqlite").stat().st_mode & 0o777 == 0o600


# --- lies -----------------------------------------------------------------------------------------------------------------


def _about(method: str, change: Callable[[dict[str, Any], Any], Any]) -> Lie:
    return lambda asked, params, answer: change(params, answer) if asked == method else answer


def _instead(name: str, other: str) -> Lie:
    """Answer about one account's state with that of another, or of another height."""
    found = recorded()["answers"]

    def change(params: dict[str, Any], answer: Any) -> Any:
        if params["data"] != _key(name):
            return answer
        return found[f"abci_query {_key(other)} {params['height']}"]

    return _about("abci_query", change)


def _key(name: str) -> str:
    return (b"\x01" + address_bytes(ADDRESS[name])).hex()


def _older(params: dict[str, Any], answer: Any) -> Any:
    older = recorded()["answers"][f"abci_query {params['data']} {int(params['height']) - 1}"]
    older["response"]["height"] = answer["response"]["height"]
    return older


def _without_proof(_: Any, answer: Any) -> Any:
    answer["response"]["proofOps"] = None
    return answer


def _hidden(name: str, number: int) -> Lie:
    return _about(
        "tx_search", lambda params, answer: _none(answer) if f"{ADDRESS[name]}/{number}'" in params["query"] else answer
    )


def _none(answer: Any) -> Any:
    return {**answer, "txs": [], "total_count": "0"}


def _elsewhere(_: Any, answer: Any) -> Any:
    for one in answer["txs"]:
        one["height"] = "10"
    return answer


def _in_block(height: int, change: Callable[[list[str]], Any]) -> Lie:
    def lie(params: dict[str, Any], answer: Any) -> Any:
        if params["height"] == str(height):
            change(answer["block"]["data"]["txs"])
        return answer

    return _about("block", lie)


def _result(height: int, **change: Any) -> Lie:
    def lie(params: dict[str, Any], answer: Any) -> Any:
        if params["height"] == str(height):
            answer["txs_results"][0] |= change
        return answer

    return _about("block_results", lie)


def _turned(txs: list[str]) -> None:
    txs[0] = "AAAA" + txs[0][4:]


def _header(params: dict[str, Any], answer: Any) -> Any:
    if params["height"] == str(TOP):
        answer["signed_header"]["header"]["app_hash"] = "00" * 32
    return answer


LIES: dict[str, tuple[Lie, type[HostError], str]] = {
    "the newest number is hidden": (_hidden("alpha-1", 2), GapError, "alpha-1 (alpha) wrote a transaction number 2"),
    "the first number is hidden": (_hidden("alpha-1", 0), GapError, "alpha-1 (alpha) wrote a transaction number 0"),
    "a number is said to stand elsewhere": (_about("tx_search", _elsewhere), GapError, "does not show"),
    "an older count": (_about("abci_query", _older), ProofError, "app hash"),
    "no account": (_instead("alpha-1", "ghost"), ProofError, ""),
    "another account's count": (_instead("alpha-1", "meter"), ProofError, ""),
    "a count without proof": (_about("abci_query", _without_proof), ProofError, ""),
    "a transaction left out of its block": (_in_block(LAST, lambda txs: txs.pop()), ProofError, "Merkle"),
    "a transaction put into a block": (_in_block(LAST, lambda txs: txs.append("AAAA")), ProofError, "Merkle"),
    "two transactions in another order": (_in_block(LAST, lambda txs: txs.reverse()), ProofError, "Merkle"),
    "a transaction changed": (_in_block(SENT_AGAIN, _turned), ProofError, "Merkle"),
    "a block without its transactions": (_in_block(SENT_AGAIN, lambda txs: txs.clear()), ProofError, "Merkle"),
    "a failed transaction said to be accepted": (_result(FAILED, code=0), ProofError, "results"),
    "an accepted transaction said to have failed": (_result(SENT_AGAIN, code=5), ProofError, "results"),
    "other gas": (_result(SENT_AGAIN, gas_used="1"), ProofError, "results"),
    "results of another block": (_about("block_results", lambda _, one: {**one, "height": "3"}), ProofError, "chain and height"),
    "results that are missing": (_about("block_results", lambda _, one: {**one, "txs_results": None}), ProofError, "results"),
    "another app hash": (_about("commit", _header), ProofError, "block header"),
    "nonsense for a block": (_about("block", lambda *_: {"block": 7}), ProofError, "answer"),
}


@pytest.mark.parametrize(("lie", "kind", "where"), LIES.values(), ids=LIES)
def test_a_lie_is_caught_and_nothing_of_it_is_kept(tmp_path, lie, kind, where):
    with told(lie) as url:
        found = store(url, tmp_path)
        with pytest.raises(kind) as caught:
            found.history(D)
        assert where.lower() in f"{caught.value.where} {caught.value.what}".lower()
        with pytest.raises(kind):
            found.history(A)
    with told() as url:
        assert said(store(url, tmp_path).history(D)) == [at("alpha-1", 2)]


def test_a_used_number_whose_old_state_is_gone_is_a_clear_error(tmp_path):
    def pruned(params: dict[str, Any], answer: Any) -> Any:
        if int(params["height"]) in (FAILED - 1, FAILED):
            raise LookupError("failed to load state at height 5; version does not exist")
        return answer

    with told(_about("abci_query", pruned)) as url, pytest.raises(HostError, match="version does not exist"):
        store(url, tmp_path).history(A)


# --- deciding -------------------------------------------------------------------------------------------------------------


def _block(height: int = 7) -> ProvenBlock:
    return ProvenBlock(height, "2026-11-01T08:00:00Z", "AB", b"", b"", b"", 3, 4, ("A",), True)


def entry(name: str, number: int, memo: str, height: int = 7) -> tuple[Entry, ProvenBlock]:
    tx = read(signed_record(key(name), CHAIN, 4, number, memo))
    return Entry(ADDRESS[name], number, height, number, tx.hash, tx.raw), _block(height)


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


# --- the verbs ------------------------------------------------------------------------------------------------------------


def node(url: str, folder: Path) -> Path:
    """Write what a host of ledgerd has, and return its node document."""
    document = resolve(consortium(), "alpha-1", {}).model_dump(mode="json")
    (folder / "genesis.json").write_text(json.dumps(recorded()["genesis"]))
    (folder / "authors.json").write_text(Authors(chain=CHAIN, authors=AUTHORS).text())
    document["ledger"]["ports"]["rpc"]["port"] = int(url.rpartition(":")[2])
    document["ledger"]["paths"] |= {
        "genesis": str(folder / "genesis.json"),
        "record_key": str(key_file(folder, "record alpha-1")),
    }
    document["paths"] |= {"authors": str(folder / "authors.json"), "records_state": str(folder / "state")}
    file = folder / "node.json"
    file.write_text(json.dumps(document))
    return file


def files(folder: Path, **contents: str) -> list[Path]:
    for name, content in contents.items():
        (folder / f"{name}.csv").write_text(content)
    return [folder / f"{name}.csv" for name in contents]


def named(answer: dict[str, Any]) -> list[str]:
    """Return the ids of findings. Whether the recorded chain is old is a matter of today's date."""
    return [finding["id"] for finding in answer["findings"] if finding["id"] != "record.stale"]


def test_verify_says_whose_each_is_who_forged_one_and_up_to_where_nothing_is_missing(tmp_path, run: Run):
    with told() as url:
        code, answer = run("verify", node(url, tmp_path), *files(tmp_path, a="a", b="e", c="c", n="n"))
    assert (code, [one["standing"] for one in answer["records"]]) == (1, ["matches", "changed", "matches", "not on the ledger"])
    assert answer["records"][0]["version"]["signed"] == {"key": pair("record alpha-1")[1], "number": 0}
    assert answer["whole_up_to"]["height"] == TOP - 1
    assert named(answer) == ["record.changed", "record.absent", "record.foreign_author", "record.foreign_author"]


def test_a_gap_leaves_no_verdict_standing_and_a_gap_it_is_called(tmp_path, run: Run):
    with told(_hidden("alpha-1", 2)) as url:
        code, answer = run("verify", node(url, tmp_path), *files(tmp_path, a="a", n="n"))
    assert (code, [one["standing"] for one in answer["records"]]) == (1, ["not proven", "not proven"])
    assert {finding["id"] for finding in answer["findings"]} == {"record.gap"}
    assert answer["whole_up_to"] is None


def test_show_lists_authors_and_what_does_not_count(tmp_path, run: Run):
    with told() as url:
        code, answer = run("show", node(url, tmp_path), "b.csv")
    assert (code, [one["node"] for one in answer["versions"]]) == (0, ["billing"])
    assert named(answer) == ["record.foreign_author"]


def test_what_is_there_is_not_sent_again_and_another_hash_is_refused(tmp_path, run: Run, capsys: pytest.CaptureFixture[str]):
    with told() as url:
        document = node(url, tmp_path)
        code, answer = run("add", document, *files(tmp_path, a="a", d="d"))
        assert (code, answer["changed"], [one["plan"] for one in answer["records"]]) == (0, False, ["keep", "keep"])
        code, answer = run("add", document, *files(tmp_path, n="n"), "--dry-run")
        assert (code, [one["plan"] for one in answer["records"]]) == (0, ["add"])
        assert refused(document, *files(tmp_path, a="other")) == 4
    assert "is on the ledger with another hash since height" in capsys.readouterr().err


def refused(document: Path, *arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main(["record", "add", "--document", str(document), *map(str, arguments)])
    return int(left.value.code or 0)


def test_a_key_that_members_do_not_know_writes_nothing(tmp_path, capsys: pytest.CaptureFixture[str]):
    with told() as url:
        document = node(url, tmp_path)
        key_of = {"a stranger": key_file(tmp_path, "stranger"), "one without an account": key_file(tmp_path, "record ghost")}
        (file,) = files(tmp_path, n="n")
        assert refused(document, file, "--signing-key", key_of["a stranger"]) == 2
        assert "no member knows this key" in capsys.readouterr().err
        assert refused(document, file, "--signing-key", key_of["one without an account"]) == 3
        assert "the chain knows no account of this key" in capsys.readouterr().err
        (tmp_path / "authors.json").unlink()
        assert refused(document, file) == 3
        assert "run ansible-playbook site.yml" in capsys.readouterr().err
        (tmp_path / "record alpha-1.pem").unlink()
        assert refused(document, file) == 3
        assert "this node has no key to sign records with" in capsys.readouterr().err


def test_a_ledger_without_authors_takes_no_key(tmp_path, capsys: pytest.CaptureFixture[str]):
    with sample_node(Chain(), tmp_path) as document:
        (file,) = files(tmp_path, n="n")
        assert refused(document, file, "--signing-key", key_file(tmp_path, "record alpha-1")) == 2
    assert "cometbft does not know who signs" in capsys.readouterr().err
