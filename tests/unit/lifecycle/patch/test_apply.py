"""One run on a host, step by step: what is done in which order, what is written down, and what stops it."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from nodeops.core.errors import HostError, Refused, Timeout
from nodeops.document.patch_windows import DAYS
from nodeops.lifecycle.patch import apply as acting
from nodeops.lifecycle.patch import memory
from nodeops.lifecycle.patch.policy import Asked, Seen
from nodeops.quorum.lease.hold import Held as Real
from tests.unit.lifecycle.patch.rehearsed import BROKEN, FAILS, PENDING, REFUSED, SEEN, STALE, closed_until


def test_nothing_to_do_is_nothing_done(host):
    assert host.run() == ([], False)
    assert (host.done, host.notes) == ([], [])


def test_an_upgrade_asks_the_gate_first_restarts_what_runs_on_old_files_and_watches_the_node(host):
    host.looks = [PENDING, STALE, Seen()]
    assert host.run()[0] == ["upgrade ssl", "restart cron.service", "restart ledger.service"]
    served = ["spare", "upgrade {'ssl': '2'}", "systemctl try-restart cron.service"]
    assert host.done == [*served, "wait", "restart the ledger", SEEN, "rejoin"]
    assert host.notes == ["begun", "done", "restarted"]


def test_a_package_that_fails_ends_the_run_and_says_what_was_before(host):
    host.looks, host.upgrade = [PENDING], FAILS
    with pytest.raises(HostError, match="made to fail"):
        host.run()
    assert host.done == ["spare", "upgrade {'ssl': '2'}"]
    assert host.notes == ["begun", "failed"]


def test_a_node_that_the_others_need_is_not_touched(host):
    host.looks, host.gate = [PENDING], REFUSED
    with pytest.raises(Refused):
        host.run()
    assert (host.done, host.notes) == (["spare"], [])


def test_a_node_that_does_not_take_part_again_ends_the_run(host):
    host.looks, host.rejoin = [PENDING, Seen()], Timeout("waited 5 s")
    with pytest.raises(Timeout):
        host.run()


def test_a_closed_window_refuses_before_anything_is_done(host):
    day = DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()]
    host.document = closed_until(day, host.document)
    host.looks = [PENDING]
    with pytest.raises(Refused, match="outside of the windows") as caught:
        host.run()
    assert (host.done, "--outside-window" in caught.value.hint) == ([], True)
    host.asked = Asked(outside="it is used now")
    host.looks = [PENDING, Seen()]
    host.run()
    assert memory.history(host.document)[0][0].data["outside_window"] == "it is used now"


def test_lists_that_are_too_old_are_no_answer(host):
    host.lists -= 4 * 86400
    with pytest.raises(HostError, match="too old"):
        host.run()


UNFINISHED = replace(PENDING, unfinished=["other"])
CASES = {
    "it is finished before the rest": (
        [UNFINISHED, PENDING, Seen()],
        ["spare", "finish", "upgrade {'ssl': '2'}"],
    ),
    "a newer version replaces it": ([replace(PENDING, unfinished=["ssl"]), Seen()], ["spare", "upgrade {'ssl': '2'}"]),
}


@pytest.mark.parametrize(("looks", "done"), CASES.values(), ids=CASES)
def test_what_was_interrupted(host, looks, done):
    host.looks = looks
    host.run()
    assert host.done == [*done, SEEN, "rejoin"]


def test_a_service_that_does_not_come_back_ends_the_run(host, monkeypatch):
    host.looks = [replace(STALE, stale={"cron.service": ["/usr/x"]})]
    dead = SimpleNamespace(systemctl=host.act("systemctl"), unit=lambda _: SimpleNamespace(active=False, state="failed"))
    monkeypatch.setattr(acting, "systemd", dead)
    with pytest.raises(HostError, match="does not run after its restart"):
        host.run()
    assert memory.history(host.document)[0][-1].data["why"].startswith("cron.service: does not run")


def test_a_reboot_needs_its_word_and_leave_and_is_over_when_the_node_takes_part(host):
    host.looks = [Seen(reboot=["kernel 2"])]
    assert host.run() == ([], False)
    host.asked = Asked(reboot=True, later=True)
    assert host.run() == ([], True)
    host.asked = Asked(reboot=True)
    assert host.run() == (["reboot"], True)
    assert host.done[-2:] == ["wait", "reboot"]
    with pytest.raises(Timeout, match="did not reboot"):
        acting.await_part(host.document, 0.05, lambda _: None)
    host.run()
    host.booted, host.looks = "boot-2", [Seen()]
    assert host.run() == (["wait for the host"], False)
    assert host.done[-3:] == ["listening", "rejoin", SEEN]
    assert (host.notes[-2:], memory.reboot_begun(host.document)) == (["reboot", "rebooted"], None)


@pytest.fixture
def leases(host, monkeypatch):
    """Count leases as steps of the run. How long one holds is the test's to say, and whether it is renewed."""

    class Held(Real):
        def renew(self):
            host.done.append("renew")
            self.ends = max(self.ends, time.monotonic() + host.renewed_for)

    def begin(document, seconds, reason, _):
        if host.lasts is None:
            return host.done.append("no lease")
        held = Held(document, seconds, reason)
        held.ends, held.why = time.monotonic() + host.lasts, "alpha has had its day"
        host.done.append("lease")
        return held

    host.lasts, host.renewed_for = acting._LEASE_SECONDS, 0
    monkeypatch.setattr(acting.hold, "begin", begin)
    monkeypatch.setattr(acting.hold, "end", lambda *_: host.done.append("release"))
    return host


def test_a_node_that_votes_holds_a_lease_from_before_the_gate_until_it_votes_again(leases):
    leases.looks = [PENDING, STALE, Seen()]
    leases.run()
    assert (leases.done[:2], leases.done[-2:]) == (["lease", "spare"], ["rejoin", "release"])


def test_where_nothing_is_pending_there_is_no_lease(leases):
    leases.run()
    assert leases.done == []


def test_a_run_that_fails_gives_the_lease_back(leases):
    leases.looks, leases.gate = [PENDING], REFUSED
    with pytest.raises(Refused):
        leases.run()
    assert leases.done == ["lease", "spare", "release"]


def test_a_lease_lasts_over_a_reboot(leases):
    leases.asked, leases.looks = (
        Asked(reboot=True),
        [replace(PENDING, reboot=("a newer kernel",)), Seen(reboot=("a newer kernel",))],
    )
    leases.run()
    assert (leases.done[-1], "release" in leases.done) == ("reboot", False)
    leases.booted = "another"
    assert acting.await_part(leases.document, 5, lambda _: None)
    assert leases.done[-1] == "release"


def test_an_entry_that_a_later_block_took_is_given_back_too(leases):
    """Nobody waited for it any longer, so the run goes on without a lease; yet it may hold by the end."""
    leases.looks, leases.lasts = [PENDING, Seen()], None
    leases.run()
    assert (leases.done[:2], leases.done[-1]) == (["no lease", "spare"], "release")


def test_a_reboot_that_does_not_come_gives_the_lease_back(leases, monkeypatch):
    leases.asked, leases.looks = Asked(reboot=True), [Seen(reboot=("a newer kernel",))]
    leases.run()
    with pytest.raises(Timeout, match="did not reboot"):
        acting.await_part(leases.document, 0.05, lambda _: None)
    assert leases.done[-2:] == ["reboot", "release"]

    def no(*_, **__):
        raise HostError("systemd does not answer")

    monkeypatch.setattr(acting, "run", no)
    with pytest.raises(HostError, match="systemd does not answer"):
        leases.run()
    assert (leases.done[-1], memory.reboot_begun(leases.document)) == ("release", None)


def test_a_lease_that_runs_out_is_renewed_before_the_next_step(leases):
    leases.looks, leases.lasts, leases.renewed_for = [PENDING, STALE, Seen()], 10, acting._LEASE_SECONDS
    leases.run()
    assert leases.done[:4] == ["lease", "spare", "renew", "upgrade {'ssl': '2'}"]
    assert leases.done[-2:] == ["rejoin", "release"]


def test_without_its_lease_a_run_stops_before_the_ledger_is_restarted_and_the_next_goes_on(leases, monkeypatch):
    """The upgrade took so long that the lease ended, and it was not renewed: others may have the power by now."""
    leases.looks = [PENDING, STALE]

    def upgrade(*_):
        gone.append(1)
        leases.done.append("upgrade")

    gone = []
    monkeypatch.setattr(acting, "upgrade", SimpleNamespace(upgrade=upgrade))
    monkeypatch.setattr(Real, "left", lambda held: -1.0 if gone else held.ends - time.monotonic())
    with pytest.raises(Refused, match=r"stopped before the next step: .* is not renewed: alpha has had its day"):
        leases.run()
    assert leases.done[-3:] == ["wait", "renew", "release"]
    assert "restart the ledger" not in leases.done
    gone.clear()
    leases.looks = [STALE, Seen()]
    assert "restart ledger.service" in leases.run()[0]


def test_without_its_lease_a_run_does_not_reboot(leases):
    leases.asked, leases.looks, leases.lasts = Asked(reboot=True), [Seen(reboot=("a newer kernel",))], -1
    with pytest.raises(Refused, match="stopped before the next step"):
        leases.run()
    assert ("reboot" in leases.done, memory.reboot_begun(leases.document)) == (False, None)


def test_a_service_that_the_update_broke_ends_the_run_and_is_written_down(host):
    """Its package restarted it, so it runs on no old files: it does not run at all."""
    host.looks, host.runs = [PENDING, Seen()], BROKEN
    with pytest.raises(HostError, match="does not any more"):
        host.run()
    assert (host.done[-1], host.notes[-1]) == (SEEN, "failed")
    assert "prometheus.service" in memory.history(host.document)[0][-1].data["why"]
