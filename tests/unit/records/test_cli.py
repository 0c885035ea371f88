"""The record verbs as a person runs them: against an honest node, a lying one, and none."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.document.models import Consortium
from nodeops.document.resolve import resolve
from nodeops.records.versions import RecordValue, transaction
from tests.unit.records.chain import Chain, served

CONSORTIUM = Consortium.model_validate(
    {
        "consortium": "battery-ledger",
        "revision": 1,
        "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "battery-1"},
        "organisations": {"china-unicom": {}, "wanxiang-institute": {}},
        "nodes": {
            "cu-1": {"organisation": "china-unicom", "duty": "validator", "address": "192.0.2.1"},
            "wi-1": {"organisation": "wanxiang-institute", "duty": "validator", "address": "192.0.2.2"},
        },
    }
)
Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def chain() -> Chain:
    return Chain((1,) * 7)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    file = tmp_path / "charge.csv"
    file.write_text("synthetic,1\n", encoding="utf-8")
    return file


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a record verb on a node and returns exit code and JSON."""

    def call(verb: str, document: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
        with pytest.raises(SystemExit) as left:
            main(["record", verb, "--document", str(document), "--json", *map(str, arguments)])
        return int(left.value.code or 0), json.loads(capsys.readouterr().out)

    return call


@contextmanager
def node(chain: Chain, folder: Path, name: str = "cu-1", lie: Any = None) -> Iterator[Path]:
    """Run a node and yield its node document."""
    with served(chain, lie) as port:
        document = resolve(CONSORTIUM, name, {}).model_dump(mode="json")
        (folder / "genesis.json").write_bytes(chain.genesis())
        document["ledger"]["ports"]["rpc"]["port"] = port
        document["ledger"]["paths"]["genesis"] = str(folder / "genesis.json")
        file = folder / f"{name}.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        yield file


def _standings(answer: dict[str, Any]) -> list[str]:
    return [record["standing"] for record in answer["records"]]


def test_a_record_written_by_one_organisation_is_verified_by_another(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as ours, node(chain, tmp_path, "wi-1") as theirs:
        code, answer = run("add", ours, record)
        assert (code, answer["changed"], answer["records"][0]["plan"]) == (0, True, "add")
        code, answer = run("verify", theirs, record)
    assert (code, _standings(answer)) == (0, ["matches"])
    version = answer["records"][0]["version"]
    assert (version["organisation"], version["node"]) == ("china-unicom", "cu-1")
    assert (version["block"]["signed_power"], version["block"]["total_power"]) == (7, 7)
    assert version["sha256"] == hashlib.sha256(record.read_bytes()).hexdigest()


def test_a_name_is_one_name_however_its_accents_are_encoded(chain: Chain, tmp_path: Path, run: Run):
    composed, decomposed = tmp_path / "charg\u00e9.csv", tmp_path / "copy/charge\u0301.csv"
    decomposed.parent.mkdir()
    for file in (composed, decomposed):
        file.write_text("synthetic\n", encoding="utf-8")
    for first, second in ((composed, decomposed), (decomposed, composed)):
        chain.blocks.clear()
        with node(chain, tmp_path) as document:
            assert run("add", document, first)[0] == 0
            code, answer = run("verify", document, second)
            assert (code, answer["records"][0]["standing"]) == (0, "matches")
            assert run("add", document, second)[1]["changed"] is False
            assert len(run("show", document, second.name)[1]["versions"]) == 1


def test_adding_again_changes_nothing(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as document:
        run("add", document, record)
        code, answer = run("add", document, record)
    assert (code, answer["changed"], answer["records"][0]["plan"], len(chain.blocks)) == (0, False, "keep", 1)
    assert answer["records"][0]["version"]["block"]["height"] == 1


def test_a_dry_run_sends_nothing(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as document:
        code, answer = run("add", document, record, "--dry-run")
    assert (code, answer["changed"], answer["records"][0]["plan"], chain.broadcasts) == (0, True, "add", 0)


def test_one_changed_byte_fails(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as document:
        run("add", document, record)
        record.write_bytes(record.read_bytes().replace(b"1", b"2"))
        code, answer = run("verify", document, record)
    assert (code, _standings(answer), answer["findings"][0]["id"]) == (1, ["changed"], "record.changed")


def test_a_file_cut_to_nothing_is_a_changed_record(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as document:
        run("add", document, record)
        record.write_bytes(b"")
        assert _standings(run("verify", document, record)[1]) == ["changed"]


def test_revising_takes_the_old_version_s_place_and_back(chain: Chain, tmp_path: Path, record: Path, run: Run):
    first = record.read_bytes()
    with node(chain, tmp_path) as document:
        run("add", document, record)
        record.write_bytes(b"second")
        assert run("add", document, record)[0] == 4
        assert run("add", document, record, "--revise")[1]["records"][0]["plan"] == "revise"
        record.write_bytes(first)
        assert _standings(run("verify", document, record)[1]) == ["superseded"]
        assert run("add", document, record, "--revise")[0] == 0
        assert _standings(run("verify", document, record)[1]) == ["matches"]
        code, answer = run("show", document, "charge.csv")
    assert (code, [version["current"] for version in answer["versions"]]) == (0, [False, False, True])


def test_nothing_is_sent_when_one_of_several_is_refused(chain: Chain, tmp_path: Path, record: Path, run: Run):
    other = tmp_path / "other.csv"
    other.write_text("new", encoding="utf-8")
    with node(chain, tmp_path) as document:
        run("add", document, record)
        record.write_text("changed", encoding="utf-8")
        code, answer = run("add", document, other, record)
    assert (code, answer["error"]["kind"], chain.broadcasts) == (4, "refused", 1)


def test_what_is_not_on_the_ledger_fails(chain: Chain, tmp_path: Path, record: Path, run: Run):
    chain.commit(b"a=b")
    with node(chain, tmp_path) as document:
        code, answer = run("verify", document, record)
        assert (code, _standings(answer)) == (1, ["not on the ledger"])
        assert run("show", document, "charge.csv")[0] == 1


def test_an_add_that_was_cut_off_is_completed_by_running_it_again(chain: Chain, tmp_path: Path, record: Path, run: Run):
    chain.halted = True
    with node(chain, tmp_path) as document:
        code, answer = run("add", document, record, "--timeout", "1")
        assert (code, answer["error"]["kind"]) == (5, "timeout")
        chain.resume()
        code, answer = run("add", document, record)
    assert (code, answer["records"][0]["plan"], chain.broadcasts) == (0, "keep", 1)


def test_a_second_writer_at_the_same_time_is_reported(chain: Chain, tmp_path: Path, record: Path, run: Run):
    value = RecordValue(sha256="0" * 64, size=1, organisation="wanxiang-institute", node="wi-1")

    def meanwhile(method: str, result: Any) -> Any:
        if method == "broadcast_tx_sync":
            chain.commit(transaction("record/charge.csv", value.encoded()))
        return result

    with node(chain, tmp_path, lie=meanwhile) as document:
        code, answer = run("add", document, record)
    assert (code, answer["findings"][0]["id"]) == (0, "record.overtaken")
    assert "wi-1 at height 2" in answer["findings"][0]["actual"]


@pytest.mark.parametrize(
    "arguments", [["{tmp}"], ["{tmp}/absent"], ["{tmp}/a/x", "{tmp}/b/x"], ["{tmp}/a/x", "{tmp}/c", "--key", "k"]]
)
def test_bad_input_is_refused_before_anything_is_sent(chain: Chain, tmp_path: Path, run: Run, arguments: list[str]):
    for name in ("a/x", "b/x", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    with node(chain, tmp_path) as document:
        code, answer = run("add", document, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert (code, answer["error"]["kind"], chain.broadcasts) == (2, "input", 0)


def test_a_node_that_is_down_is_a_host_error_and_no_verdict(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as document:
        pass
    code, answer = run("verify", document, record)
    assert (code, answer["error"]["kind"]) == (3, "host")


def test_without_a_genesis_nothing_is_trusted(chain: Chain, tmp_path: Path, record: Path, run: Run):
    with node(chain, tmp_path) as document:
        (tmp_path / "genesis.json").unlink()
        code, answer = run("verify", document, record)
    assert (code, answer["error"]["where"]) == (3, str(tmp_path / "genesis.json"))


def _forged_value(result: Any, file: Path) -> None:
    value = RecordValue(sha256=hashlib.sha256(file.read_bytes()).hexdigest(), size=9, organisation="china-unicom", node="cu-1")
    tx = transaction("record/charge.csv", value.encoded())
    result["txs"][0]["tx"] = base64.b64encode(tx).decode()


def _forged_transaction(result: Any, file: Path) -> None:
    """Make up the transaction with its hash and a proof that is consistent in itself."""
    own = Chain()
    _forged_value(result, file)
    own.commit(base64.b64decode(result["txs"][0]["tx"]))
    result["txs"] = [own.entry(1, 0)]


def _forged_root(result: Any, file: Path) -> None:
    result["signed_header"]["header"]["data_hash"] = "AB" * 32


def _forged_block(result: Any, file: Path) -> None:
    """Sign a whole block with validators of the liar's own."""
    own = Chain((1,) * 9)
    own.seats = own.seats[7:]
    own.commit(b"a=b")
    result["signed_header"] = own.signed_header(1)


def _few_signatures(result: Any, file: Path) -> None:
    result["signed_header"]["commit"]["signatures"][4:] = []


def _same_signer(result: Any, file: Path) -> None:
    result["signed_header"]["commit"]["signatures"] = [result["signed_header"]["commit"]["signatures"][0]] * 7


def _other_height(result: Any, file: Path) -> None:
    result["txs"][0]["height"] = "2"


def _no_height(result: Any, file: Path) -> None:
    result["txs"][0]["height"] = "99"


def _no_proof(result: Any, file: Path) -> None:
    del result["txs"][0]["proof"]


@pytest.mark.parametrize(
    ("method", "lie", "step"),
    [
        ("tx_search", _forged_value, "transaction hash"),
        ("tx_search", _forged_transaction, "Merkle proof"),
        ("tx_search", _other_height, "Merkle proof"),
        ("tx_search", _no_height, "chain and height"),
        ("tx_search", _no_proof, "answer"),
        ("commit", _forged_root, "block header"),
        ("commit", _forged_block, "validators"),
        ("commit", _few_signatures, "signatures"),
        ("commit", _same_signer, "signatures"),
    ],
)
def test_a_lying_node_is_caught_and_the_step_is_named(
    chain: Chain, tmp_path: Path, record: Path, run: Run, method: str, lie: Callable[[Any, Path], None], step: str
):
    def lying(called: str, result: Any) -> Any:
        if called == method:
            lie(result, record)
        return result

    with node(chain, tmp_path) as honest:
        run("add", honest, record)
    chain.commit(b"a=b")
    record.write_text("what the liar wants to pass", encoding="utf-8")
    with node(chain, tmp_path, lie=lying) as document:
        code, answer = run("verify", document, record)
        assert (code, _standings(answer)) == (1, ["not proven"])
        assert f": {step}: " in answer["records"][0]["reason"]
        assert run("add", document, record, "--revise")[0] == 3
        assert run("show", document, "charge.csv")[1]["error"]["where"] == step


def test_people_see_a_short_table(chain: Chain, tmp_path: Path, record: Path, capsys: pytest.CaptureFixture[str]):
    with node(chain, tmp_path) as document, pytest.raises(SystemExit):
        main(["record", "add", "--document", str(document), str(record)])
    assert "7 of 7" in capsys.readouterr().out
