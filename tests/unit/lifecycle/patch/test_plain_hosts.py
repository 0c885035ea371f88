"""A run on a monitor and on a repository: nobody is asked, and what ran before runs again."""

from datetime import UTC, datetime, timedelta

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.document.patch_windows import DAYS
from nodeops.document.resolve import resolve_host
from nodeops.lifecycle.patch import apply as acting
from nodeops.lifecycle.patch import memory
from nodeops.lifecycle.patch.policy import Asked, Seen
from tests.unit.firewall.samples import OPERATORS, consortium
from tests.unit.lifecycle.patch.rehearsed import BROKEN, PENDING, SEEN, closed_until, kept_at


@pytest.fixture(params=["mon", "keep"])
def plain(host, tmp_path, monkeypatch, request):
    """A monitor, a repository: nothing may ask a ledger that is not there."""
    host.document = kept_at(tmp_path, resolve_host(consortium(), request.param, {"firewall": {"operators": OPERATORS}}))
    for name in ("part_taken", "rejoin", "await_listening", "restart"):
        monkeypatch.setattr(acting, name, lambda *_: pytest.fail("a ledger is asked where none runs"))
    for name in ("begin", "end"):
        monkeypatch.setattr(acting.hold, name, lambda *_: pytest.fail("a lease is asked for where no ledger runs"))
    return host


def test_a_host_without_a_ledger_asks_nobody_and_sees_its_services_run_again(plain):
    plain.looks = [PENDING, Seen(stale={"prometheus.service": ["/usr/x"]}), Seen()]
    assert plain.run() == (["upgrade ssl", "restart prometheus.service"], False)
    assert plain.done == ["upgrade {'ssl': '2'}", "systemctl try-restart prometheus.service", SEEN]
    assert plain.notes == ["begun", "done"]


def test_a_host_without_a_ledger_is_refused_outside_of_its_window_too(plain):
    plain.document = closed_until(DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()], plain.document)
    plain.looks = [PENDING]
    with pytest.raises(Refused, match="outside of the windows"):
        plain.run()
    assert plain.done == []


def test_a_reboot_of_a_host_without_a_ledger_is_over_when_its_services_run(plain):
    plain.asked, plain.looks = Asked(reboot=True), [Seen(reboot=["kernel 2"])]
    assert plain.run() == (["reboot"], True)
    plain.booted, plain.looks, plain.runs = "boot-2", [Seen()], BROKEN
    with pytest.raises(HostError, match="does not any more"):
        plain.run()
    assert plain.notes == ["reboot"]
    plain.runs = None
    assert plain.run() == (["wait for the host"], False)
    assert (plain.notes[-1], memory.reboot_begun(plain.document)) == ("rebooted", None)
