"""What is exported of hosts that run no ledger, and of logs on their way to one of them."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.core.errors import HostError
from nodeops.exporter import store_metrics, unit_metrics
from nodeops.log_host import metrics
from tests.unit.exporter.plain import DAY_BYTES, plain, taken, waiting
from tests.unit.firewall.samples import document

UNITS = {
    "mon": ["nodeops-firewall.service", "nodeops-log-host.service"],
    "keep": ["nodeops-firewall.service", "nodeops-repository.service"],
}


def by_sender(samples):
    return {(sample.name.removeprefix("log_host_"), sample.labels["sender"]): sample.value for sample in samples}


def test_a_log_host_says_of_each_node_when_it_was_heard_and_what_was_left_out(tmp_path):
    said = by_sender(taken(plain("mon", tmp_path), missing=("a-3",)))
    assert said["heard_timestamp_seconds", "a-1"] == 1_795_953_600.0
    # Nothing ever came of one, and one has no certificate yet.
    assert said["heard_timestamp_seconds", "a-2"] == said["heard_timestamp_seconds", "a-3"] == 0
    assert said["left_out_lines_total", "a-1"] == 6
    assert said["left_out_lines_total", "a-2"] == 0
    assert said["today_ratio", "a-1"] == said["kept_bytes", "a-1"] / DAY_BYTES
    assert 0.9 < said["today_ratio", "a-1"] <= 1


def test_a_log_host_that_does_not_run_is_not_believed(tmp_path):
    own = plain("mon", tmp_path)
    with pytest.raises(HostError, match="has said nothing"):
        list(metrics.look(own))
    taken(own)
    file = Path(own.paths["log_host_status"])
    os.utime(file, (time.time() - 100, time.time() - 100))
    with pytest.raises(HostError, match="nobody has written it for 100 s"):
        list(metrics.look(own))


def test_who_neither_sends_nor_takes_logs_says_nothing_of_them(tmp_path):
    assert list(metrics.look(plain("keep", tmp_path))) == []
    assert list(metrics.look(document())) == []


@pytest.fixture
def sender(tmp_path):
    found = document(hardening={"log_hosts": ["mon"]})
    return found.model_copy(update={"paths": {**found.paths, "exporter_look": str(tmp_path)}})


@pytest.mark.parametrize(("sizes", "wanted"), [("", 0), ("100\n20\n", 120)])
def test_what_waits_for_a_log_host_is_seen(sender, sizes, wanted):
    (found,) = waiting(sender, sizes)
    assert (found.name, found.value) == ("log_host_waiting_bytes", wanted)


def test_what_waits_is_unknown_where_nobody_looked_or_said_numbers(sender, tmp_path):
    with pytest.raises(HostError, match="cannot be read"):
        list(metrics.look(sender))
    with pytest.raises(HostError, match="cannot be read"):
        waiting(sender, "many")
    waiting(sender, "1")
    os.utime(tmp_path / metrics.WAITING, (time.time() - 200, time.time() - 200))
    with pytest.raises(HostError, match="nobody has written it"):
        list(metrics.look(sender))


@pytest.mark.parametrize("name", UNITS)
def test_the_units_of_such_a_host_are_asked_for(tmp_path, name):
    assert unit_metrics.units_of(plain(name, tmp_path)) == UNITS[name]
    assert unit_metrics.units_of(plain("mon", tmp_path, log_hosts=())) == UNITS["mon"][:1]


def test_a_repository_that_was_never_made_is_no_ill_and_a_guard_is(tmp_path, monkeypatch):
    said = "\n\n".join(f"Id={unit}\nLoadState=not-found\nActiveState=inactive\nNRestarts=0" for unit in UNITS["keep"])
    monkeypatch.setattr(unit_metrics, "run", lambda *_, **__: SimpleNamespace(stdout=said.encode()))
    found = list(unit_metrics.look(plain("keep", tmp_path)))
    assert {(one.labels["unit"], one.value) for one in found if one.name == "service_active"} == {(UNITS["keep"][0], 0)}


def test_room_is_measured_where_something_is_kept(tmp_path):
    found = list(store_metrics.look(plain("keep", tmp_path, log_hosts=("keep",))))
    seen = os.statvfs(tmp_path)
    assert {(one.name, one.labels["store"]) for one in found} == {
        (name, store) for name in ("store_size_bytes", "store_free_bytes") for store in ("backups", "logs")
    }
    assert {one.value for one in found if one.name == "store_size_bytes"} == {seen.f_blocks * seen.f_frsize}
    # Prometheus was never installed: there is no folder of it.
    assert [one.labels["store"] for one in store_metrics.look(plain("mon", tmp_path, log_hosts=()))] == []
