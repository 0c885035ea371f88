"""`nodeops disk ship` with real segments and a real rclone."""

import json
import os

import pytest
import typer

from nodeops.core.errors import HostError, InputError
from nodeops.disk.ship.cli import settings_of, ship_sealed
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from tests.unit.disk.ship.samples import damage, local_remote, needs_rclone
from tests.unit.logs.log_made import MadeLog, made

CONSORTIUM = """
consortium: test
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: test-1}
organisations: {maker: {}}
nodes:
  mak-1: {organisation: maker, duty: validator, address: 192.0.2.1}
"""
CHOICES = {"disk": {"ship": {"remote": "vault:logs", "most_bytes_per_second": 5_000_000}}}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="shipping is for root")


@pytest.fixture
def log(tmp_path):
    log = made(tmp_path)
    log.write_lines(200)
    for _ in range(3):
        log.seal()
    return log


@pytest.fixture
def run(log: MadeLog, tmp_path, monkeypatch, capsys):
    local_remote(tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    made = documented(tmp_path, CHOICES)
    ledger = made.ledger.model_copy(
        update={"paths": {**made.ledger.paths, "log": str(log.files.live), "sealed_log": str(log.files.sealed)}}
    )
    paths = {**made.paths, "acknowledgements": str(tmp_path / "state/disk/ship/acks.jsonl")}
    whole = made.model_copy(update={"ledger": ledger, "paths": paths})
    (tmp_path / "node.json").write_text(whole.model_dump_json())
    (tmp_path / "state/disk/ship").mkdir(parents=True)

    def call(**options: bool) -> tuple[int, dict]:
        code = 0
        try:
            ship_sealed(document=tmp_path / "node.json", as_json=True, **options)
        except typer.Exit as left:
            code = left.exit_code
        return code, json.loads(capsys.readouterr().out)

    return call


def documented(folder, choices) -> NodeDocument:
    (folder / "consortium.yml").write_text(CONSORTIUM)
    return resolve(load_consortium(folder / "consortium.yml"), "mak-1", choices)


@needs_rclone
def test_sealed_logs_are_shipped_once_and_can_be_checked_again(run, log, tmp_path):
    code, planned = run(dry_run=True)
    assert (code, planned["waiting"]) == (0, 3)
    code, done = run()
    assert (code, done["acknowledged"]) == (0, [path.name for path in log.segments()])
    assert run()[1]["changed"] is False
    assert run(again=True) == (0, {"checked": 3, "wrong": {}, "changed": False, "changes": [], "findings": []})
    first = log.segments()[0]
    damage(tmp_path / "kept/logs" / first.name)
    first.unlink()
    code, checked = run(again=True)
    assert (code, checked["wrong"]) == (1, {first.name: "differs"})


@needs_rclone
def test_a_segment_that_rotted_here_is_said_and_never_shipped(run, log, tmp_path):
    bad = log.segments()[1]
    damage(bad)
    code, done = run()
    assert (code, list(done["refused"]), len(done["acknowledged"])) == (1, [bad.name], 2)
    assert not (tmp_path / "kept/logs" / bad.name).exists()


def test_where_no_remote_is_chosen_it_says_so(tmp_path):
    with pytest.raises(InputError, match="no remote is chosen"):
        settings_of(documented(tmp_path, {}))


def test_a_person_at_a_console_uses_the_hosts_own_configuration(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = settings_of(documented(tmp_path, CHOICES))
    assert (str(settings.config), settings.bytes_per_second) == ("/etc/nodeops/rclone.conf", 5_000_000)


def test_others_than_root_are_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HostError, match="root only"):
        ship_sealed(document=tmp_path / "node.json")
