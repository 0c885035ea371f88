"""`nodeops ledger identity`, called as Ansible and as a person would."""

import json
import os
from pathlib import Path

import pytest

from nodeops import cli
from nodeops.core.digest import digest
from nodeops.document.resolve import resolve
from nodeops.ledger.identity import cli as identity_cli
from nodeops.ledger.identity.files import Layout
from nodeops.ledger.identity.plan import READY
from tests.unit.ledger.made_keys import consortium_of, identity_of, write_init

ME = (os.getuid(), os.getgid())


@pytest.fixture
def host(tmp_path, monkeypatch) -> Path:
    """A host on which everything lies below one folder, and whose binary makes one known identity."""
    document = resolve(consortium_of(a1=1), "a1", {})
    moved = {name: f"{tmp_path}{path}" for name, path in document.ledger.paths.items()}
    document = document.model_copy(update={"ledger": document.ledger.model_copy(update={"paths": moved})})
    for name in ("home", "version_directory"):
        Path(moved[name]).mkdir(parents=True)
    write_init(tmp_path / "made", "a1")
    binary = Path(moved["version_binary"])
    binary.write_text(f'#!/bin/sh\n/bin/cp -r {tmp_path}/made "$3"\n')
    binary.chmod(0o755)
    files = {"keys": "keys", "node_key": "node_key", "validator_key": "validator_key", "data": "data", "state": "validator_state"}
    at = Layout(**{part: Path(moved[name]) for part, name in files.items()}, user=ME, root=ME)
    monkeypatch.setattr(identity_cli, "load_node_document", lambda: document)
    monkeypatch.setattr(identity_cli, "layout", lambda _: at)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return at.home


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["ledger", "identity", *arguments])
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), out, err


def answer(capsys, *arguments: str) -> dict[str, object]:
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    return json.loads(out)


def test_ensure_makes_and_shows_the_identity_and_then_changes_nothing(host, capsys):
    first = answer(capsys, "--ensure")
    assert first["changed"] is True
    assert {key: first[key] for key in identity_of("a1", "org-a").model_dump()} == identity_of("a1", "org-a").model_dump()
    again = answer(capsys, "--ensure")
    assert {**again, "changed": True, "changes": first["changes"]} == first


def test_nothing_secret_is_shown(host, capsys):
    run(capsys, "--ensure")
    secret = json.loads((host / "keys/priv_validator_key.json").read_text())["priv_key"]["value"]
    for arguments in ([], ["--json"], ["--ensure"]):
        assert secret[:16] not in "".join(map(str, run(capsys, *arguments)))


def test_a_dry_run_on_a_fresh_host_has_no_identity_yet(host, capsys):
    said = answer(capsys, "--ensure", "--dry-run")
    assert (said["changed"], said["node"], said["node_id"], said["validator_key"]) == (True, "a1", None, None)
    assert not (host / "keys").exists()


def test_without_an_identity_it_says_how_to_make_one(host, capsys):
    code, _, err = run(capsys)
    assert code == 3
    assert "this node has no identity yet" in err
    assert "--ensure" in err


def test_an_interrupted_making_is_named(host, capsys):
    run(capsys, "--ensure")
    (host / "data/priv_validator_state.json").rename(host / "keys/priv_validator_state.json")
    (host / "keys").rename(host / READY)
    code, _, err = run(capsys)
    assert code == 3
    assert "interrupted" in err
    assert answer(capsys, "--ensure")["node_id"] == identity_of("a1", "org-a").node_id


def test_a_lost_part_leaves_with_4(host, capsys):
    run(capsys, "--ensure")
    (host / "data/priv_validator_state.json").unlink()
    code, _, err = run(capsys, "--ensure")
    assert code == 4
    assert "its signing state is missing" in err


def test_a_loose_mode_leaves_with_1(host, capsys):
    run(capsys, "--ensure")
    (host / "keys/node_key.json").chmod(0o644)
    code, out, _ = run(capsys)
    assert code == 1
    assert "chmod 600" in out


def test_the_genesis_of_the_host_is_named_by_its_content(host, capsys):
    assert answer(capsys, "--ensure")["genesis_digest"] is None
    (host / "config").mkdir()
    (host / "config/genesis.json").write_text('{"b": 1,\n "a": 2}')
    assert answer(capsys)["genesis_digest"] == digest({"a": 2, "b": 1})


def test_others_than_root_are_told_so(host, capsys, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    code, _, err = run(capsys, "--ensure")
    assert code == 3
    assert "for root only" in err


def test_a_missing_user_of_the_ledger_is_named(capsys, monkeypatch):
    document = resolve(consortium_of(a1=1), "a1", {})
    nobody = document.model_copy(update={"ledger": document.ledger.model_copy(update={"user": "no-such-user"})})
    monkeypatch.setattr(identity_cli, "load_node_document", lambda: nobody)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    code, _, err = run(capsys)
    assert code == 3
    assert "there is no user 'no-such-user'" in err


def test_the_binary_in_use_serves_when_that_of_the_version_is_missing(host, capsys):
    version = Path(identity_cli.load_node_document().ledger.paths["version_binary"])
    current = Path(identity_cli.load_node_document().ledger.paths["binary"])
    current.parent.mkdir(parents=True)
    version.rename(current)
    assert answer(capsys, "--ensure")["node_id"] == identity_of("a1", "org-a").node_id


def test_another_key_for_peers_is_made_once_and_noted(host, capsys, monkeypatch, tmp_path):
    at = identity_cli.load_node_document()
    moved = at.model_copy(update={"paths": {**at.paths, "state": str(tmp_path)}})
    monkeypatch.setattr(identity_cli, "load_node_document", lambda: moved)
    old = answer(capsys, "--ensure")["node_id"]
    assert answer(capsys, "--ensure", "--replace-node-key", str(old), "--dry-run")["node_id"] == old
    done = answer(capsys, "--ensure", "--replace-node-key", str(old))
    assert done["changed"] is True
    again = answer(capsys, "--ensure", "--replace-node-key", str(old))
    assert (again["changed"], again["node_id"]) == (False, done["node_id"])
    (note,) = [json.loads(line) for line in (tmp_path / identity_cli.KEYS_BOOK).read_text().splitlines()]
    assert (note["kind"], note["data"]) == ("replaced", {"key": "node key", "old": old, "new": done["node_id"]})
