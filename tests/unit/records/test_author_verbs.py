"""The record verbs on a ledger that knows authors, as a person runs them on what a real ledgerd answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.document.resolve import resolve
from nodeops.ledger.authors import Authors
from nodeops.ledger.founding.genesis import content_digest
from nodeops.records.passes import PassesFile
from tests.unit.ledger.ledgerd_process import CHAIN, consortium, key_file
from tests.unit.ledger.made_keys import pair
from tests.unit.records.author_chain import ADDRESS, AUTHORS, recorded, told
from tests.unit.records.chain import Chain
from tests.unit.records.test_author_lies import kept_back
from tests.unit.records.test_authors import TOP, impatient
from tests.unit.records.test_cli import Run, run
from tests.unit.records.test_cli import node as sample_node

__all__ = ["impatient", "run"]


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
    own = {"authors": "authors.json", "records_state": "state", "trust_state": "trust"}
    document["paths"] |= {name: str(folder / file) for name, file in own.items()}
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
    with told(kept_back("alpha-1", 2)) as url:
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


def test_a_validator_that_leaves_this_author_out_is_named(tmp_path, run: Run):
    genesis = content_digest(json.dumps(recorded()["genesis"]).encode())
    (tmp_path / "state").mkdir()
    with told() as url:
        document, seen = node(url, tmp_path), PassesFile(tmp_path / "state", genesis)
        for proposer, held in {"AB": True, "CD": False, "EF": True}.items():
            for _ in range(10):
                seen.note(ADDRESS["alpha-1"], proposer, held)
        code, answer = run("add", document, *files(tmp_path, a="a"))
    assert (code, named(answer)) == (0, ["record.left_out"])
    assert answer["left_out"] == [{"proposer": "CD", "blocks": 10, "held": 20, "of": 20}]
    assert "validator CD left out what waited of alpha-1 (alpha) in each of 10 blocks" in answer["findings"][0]["actual"]


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


def test_authors_are_listed_with_what_each_wrote_and_who_has_an_account_is_given_none(tmp_path, run: Run):
    with told() as url:
        document = node(url, tmp_path)
        code, answer = run("authors", document)
        counts = {one["name"]: one["transactions"] for one in answer["authors"]}
        assert (code, counts) == (0, {"alpha-1": 3, "billing": 4, "meter": 0, "ghost": None})
        code, answer = run("account", document, "gamma/meter")
        assert (code, answer["changed"]) == (0, False)
        code, answer = run("account", document, "ghost", "--dry-run")
        assert (code, answer["changed"]) == (0, True)
        with pytest.raises(SystemExit) as left:
            main(["record", "account", "--document", str(document), "nobody"])
    assert left.value.code == 2


def test_a_ledger_without_authors_takes_no_key(tmp_path, capsys: pytest.CaptureFixture[str]):
    with sample_node(Chain(), tmp_path) as document:
        (file,) = files(tmp_path, n="n")
        assert refused(document, file, "--signing-key", key_file(tmp_path, "record alpha-1")) == 2
    assert "cometbft does not know who signs" in capsys.readouterr().err
