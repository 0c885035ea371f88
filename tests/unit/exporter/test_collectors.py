"""Every collector, fed as on a host, fills exactly what the catalogue says it fills: no name more, no name less."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.agent import metrics as agent_metrics
from nodeops.backup import metrics as backup_metrics
from nodeops.backup.policy import Last
from nodeops.backup.state import Remembered, write_drill, write_state
from nodeops.core.errors import HostError
from nodeops.disk import metrics as disk_metrics
from nodeops.exporter import (
    askers,
    certificate_metrics,
    certificates,
    collectors,
    host_metrics,
    ledger_metrics,
    round_metrics,
    store_metrics,
    text_files,
    unit_metrics,
)
from nodeops.firewall import metrics as firewall_metrics
from nodeops.hardening import metrics as hardening_metrics
from nodeops.ledger.answers import BlockCommit, LedgerStatus, Peer, Rounds, StepTime, Validator, ValidatorSet
from nodeops.lifecycle.patch import metrics as patch_metrics
from nodeops.metrics.catalogue import catalogue
from nodeops.metrics.catalogue import collectors as collectors_of
from nodeops.metrics.exposition import checked
from tests.unit.exporter.plain import plain, taken, waiting
from tests.unit.firewall.samples import document

OWN, OTHER, THIRD = "AA" * 20, "BB" * 20, "CC" * 20
DISK = {
    "uptime": 0.0,
    "filesystems": [
        {
            "mount": "/var/log/ledger",
            "total": 1000,
            "free": 400,
            "used_percent": 60.0,
            "inodes_used_percent": 1.0,
            "stage": "low",
            "forecast": {"text": "in 2 hours", "seconds": 7200.0},
        },
        {
            "mount": "/",
            "total": 1000,
            "free": 900,
            "used_percent": 10.0,
            "inodes_used_percent": 1.0,
            "stage": "normal",
            "forecast": {"text": "not filling", "seconds": None},
        },
    ],
    "log": {"live_bytes": 5, "sealed_bytes": 7},
    "alarms": [],
    "node_stopped": False,
}
# From `nft --json list ruleset` of nftables 1.0.6, shortened.
TABLE = {"family": "inet", "table": "nodeops"}
DROPS = {"chain": {**TABLE, "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}
REFUSES = {"rule": {**TABLE, "chain": "input", "comment": "refused", "expr": [{"counter": {"packets": 3, "bytes": 180}}]}}
FOREIGN = {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}}


@pytest.fixture
def node(tmp_path):
    found = document(hardening={"log_hosts": ["mon"]})
    looked = ("backup_state", "patch_status")
    names = ("disk_status", "exporter_certificate", "exporter_monitors", "exporter_look", "exporter_text_files", *looked)
    paths = {**found.paths, **{name: str(tmp_path / name) for name in names}}
    for name in ("exporter_look", "exporter_text_files"):
        (tmp_path / name).mkdir()
    return found.model_copy(update={"paths": paths})


def disk(node, **changes):
    said = {**DISK, "uptime": time.clock_gettime(time.CLOCK_BOOTTIME), **changes}
    open_path(node, "disk_status").write_text(json.dumps(said))
    return list(disk_metrics.look(node))


def open_path(node, name):
    return Path(node.paths[name])


def firewall(node, *rows):
    (open_path(node, "exporter_look") / "firewall.json").write_text(json.dumps({"nftables": [{"metainfo": {}}, *rows]}))
    return {sample.name: sample.value for sample in firewall_metrics.look(node)}


def hardening(node):
    (open_path(node, "exporter_look") / "hardening.json").write_text('{"score": 97.5, "at": 1800000000.0, "lost": 2}')
    return list(hardening_metrics.look(node))


def patch(node):
    said = {"pending": {"security": 2, "other": 1}, "oldest_security_at": 1.8e9, "lists_at": 1.8e9, "stale": {}, "reboot": []}
    open_path(node, "patch_status").write_text(json.dumps(said))
    return list(patch_metrics.look(node))


def own_certificates(node):
    pem = certificates.self_signed("a-1", "10.0.0.1", certificates.new_key(), datetime.now(UTC))
    open_path(node, "exporter_certificate").write_bytes(pem)
    open_path(node, "exporter_monitors").write_bytes(b"")
    return list(certificate_metrics.look(node))


def text(node):
    (open_path(node, "exporter_text_files") / "a.prom").write_text("a 1\n")
    return text_files.TextFileLook()(node)


class Ledger:
    """A ledger that moves on by so many blocks at each question for its status."""

    def __init__(self, signers=(OWN, OTHER), power=1, age=0.0):
        self.height, self.signers, self.power, self.age = 100, frozenset(signers), power, age
        self.fails = ()

    def status(self):
        when = datetime.fromtimestamp(time.time() - self.age, UTC)
        return LedgerStatus("id", "c", "v", self.height, "", "", when, 1, False, OWN, self.power)

    def peers(self):
        return [Peer("id2", "10.0.0.2", True, "", "")]

    def peer_heights(self):
        return {"id2": self.height + 2}

    def validators(self, height=None):
        if "validators" in self.fails:
            raise HostError("took too long")
        return ValidatorSet(self.height, tuple(Validator(one, b"", 1) for one in (OWN, OTHER, THIRD)))

    def commits(self, first, last):
        if "commits" in self.fails:
            raise HostError("took too long")
        self.asked = (first, last)
        start = datetime(2026, 11, 1, tzinfo=UTC)
        heights = range(last, first - 1, -1)
        # Every fifth block took a second round; two validators propose in turn.
        return [
            BlockCommit(one, "", "", start + timedelta(seconds=2 * one), self.signers, (OWN, OTHER)[one % 2], int(one % 5 == 0))
            for one in heights
        ]

    def rounds(self, validator):
        if "rounds" in self.fails:
            raise HostError("took too long")
        assert validator == OWN
        return Rounds(3, 0.01, 0.2, {"propose": StepTime(0.5, 9)})

    def transactions(self, first, last):
        if "transactions" in self.fails:
            raise HostError("took too long")
        return 3 * (last - first + 1)


def ledger(node, chain=None, look=None):
    return list((look or ledger_metrics.LedgerLook()).ask(node, chain or Ledger()))


def backups(node, **changes):
    last = Last("0123abcd", datetime(2026, 11, 1, tzinfo=UTC), 5, 1, 2.5)
    write_state(node, Remembered(**{"last": last, "tried": last.time, "error": "", "begun": True, **changes}))
    write_drill(node, 1.8e9, passed=True)
    return list(backup_metrics.look(node))


def test_a_backup_that_failed_leaves_the_last_one_known(node):
    assert list(backup_metrics.look(node)) == []
    found = {one.name: one.value for one in backups(node, error="down")}
    assert (found["backup_failed"], found["backup_last_timestamp_seconds"]) == (1, datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    assert [one.name for one in backups(node, last=None, error="down")][:1] == ["backup_failed"]


def test_what_a_unit_with_a_closed_umask_remembers_can_be_read_by_the_exporter(node):
    before = os.umask(0o077)
    try:
        backups(node)
    finally:
        os.umask(before)
    folder = open_path(node, "backup_state")
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o644}


def test_a_drill_that_failed_is_told_from_one_that_passed_and_from_none(node):
    backups(node)
    assert value(backup_metrics.look(node), "backup_drill_failed") == 0
    write_drill(node, 1.9e9, passed=False)
    found = list(backup_metrics.look(node))
    assert (value(found, "backup_drill_failed"), value(found, "backup_drill_timestamp_seconds")) == (1, 1.9e9)
    (open_path(node, "backup_state") / "drilled.json").write_text("{")
    with pytest.raises(HostError, match="cannot be read"):
        list(backup_metrics.look(node))
    (open_path(node, "backup_state") / "drilled.json").unlink()
    assert value(backup_metrics.look(node), "backup_drill_failed") is None


def asked(node):
    found = askers.Askers()
    found.note({"subjectAltName": (("DNS", "mon-1"), ("IP Address", "192.0.2.1"))})
    found.note({})
    return list(found.look(node))


def units(node, monkeypatch):
    said = "Id=ledger.service\nActiveState=active\nNRestarts=2\n\nId=nodeops-disk.service\nActiveState=failed\nNRestarts=0\n"
    monkeypatch.setattr(unit_metrics, "run", lambda *_, **__: SimpleNamespace(stdout=said.encode()))
    return list(unit_metrics.look(node))


def test_each_fills_what_the_catalogue_says_and_nothing_else(node, monkeypatch, tmp_path):
    filled = {
        "agent": list(agent_metrics.look(node)),
        "askers": asked(node),
        "backup": backups(node),
        "certificates": own_certificates(node),
        "disk": disk(node),
        "firewall": (firewall(node, DROPS, REFUSES), list(firewall_metrics.look(node)))[1],
        "hardening": hardening(node),
        "host": list(host_metrics.look(node)),
        "log_host": [*taken(plain("mon", tmp_path)), *waiting(node, "12\n")],
        "ledger": ledger(node),
        "patch": patch(node),
        "rounds": list(round_metrics.samples(Ledger())),
        "stores": list(store_metrics.look(plain("keep", tmp_path))),
        "text_files": text(node),
        "units": units(node, monkeypatch),
    }
    names = {name: {sample.name for sample in checked(samples, name)} for name, samples in filled.items()}
    wanted = {name: {one.name for one in catalogue().values() if one.collector == name} for name in filled}
    if not Path("/proc/pressure/cpu").exists():
        wanted["host"].discard("pressure_waiting_seconds_total")
    assert names == wanted


def test_all_collectors_of_a_host_are_put_together(node, tmp_path):
    for host, ledger in ((node, True), (plain("mon", tmp_path), False), (plain("keep", tmp_path), False)):
        runners = collectors.exporter(host)._all()
        assert sorted(one.collector.name for one in runners) == collectors_of(ledger=ledger)
        assert all(one.collector.deadline_seconds > 0 for one in runners)
    assert {*collectors_of(ledger=True), *collectors_of(ledger=False)} == {one.collector for one in catalogue().values()} - {
        "exporter"
    }


def test_a_guard_that_says_nothing_is_no_guard(node):
    with pytest.raises(HostError, match="not at work"):
        list(disk_metrics.look(node))
    with pytest.raises(HostError, match="not at work"):
        disk(node, uptime=time.clock_gettime(time.CLOCK_BOOTTIME) - 1000)


FIREWALLS = {
    "ours": ((DROPS, REFUSES), 1),
    "flushed": ((FOREIGN,), 0),
    "nothing at all": ((), 0),
    "ours, that lets everybody in": (({"chain": {**DROPS["chain"], "policy": "accept"}}, REFUSES), 0),
}


@pytest.mark.parametrize(("rows", "loaded"), FIREWALLS.values(), ids=FIREWALLS)
def test_a_firewall_is_what_the_kernel_holds(node, rows, loaded):
    assert firewall(node, *rows)["firewall_loaded"] == loaded


def test_an_old_look_at_the_firewall_says_nothing(node):
    firewall(node, DROPS)
    file = open_path(node, "exporter_look") / "firewall.json"
    os.utime(file, (time.time() - 1000, time.time() - 1000))
    with pytest.raises(HostError, match="nobody looked"):
        list(firewall_metrics.look(node))
    file.write_text('{"nftables": [')
    with pytest.raises(HostError, match="cannot be read"):
        list(firewall_metrics.look(node))


def test_before_the_first_audit_there_is_no_score(node):
    assert list(hardening_metrics.look(node)) == []


def value(samples, name):
    return {sample.name: sample.value for sample in samples}.get(name)
