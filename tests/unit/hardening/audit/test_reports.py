"""Verdicts, waivers and the forms of a report."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from nodeops.core.errors import InputError
from nodeops.core.finding import Verdict
from nodeops.document.models import Waiver
from nodeops.hardening.audit import audit
from nodeops.hardening.audit.fact import Fact
from nodeops.hardening.audit.markdown import markdown
from nodeops.hardening.audit.oscal import oscal
from nodeops.hardening.audit.view import ordered, report_data
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.values import expanded
from tests.unit.hardening.samples import LOG_HOST, control, document, facts, judged, report

TODAY = audit.today()
NAME = "ssh.forwarding"


@pytest.fixture(autouse=True)
def on_one_day(monkeypatch):
    """Let no midnight lie between the days that are written here and the one that decides."""
    monkeypatch.setattr(audit, "today", lambda: TODAY)


def waiver(days: int, name: str = NAME, scope: str = "a-1") -> Waiver:
    ends = TODAY + timedelta(days=days)
    return Waiver(control=name, scope=scope, owner="Zhang Wei", reason="a tunnel of the migration", expires=ends)


@pytest.mark.parametrize(
    ("goods", "verdict"),
    [
        ([True, True], Verdict.PASS),
        ([True, None], Verdict.NOT_TESTABLE_HERE),
        ([None, False], Verdict.FAIL),
        ([True, False], Verdict.FAIL),
    ],
)
def test_a_control_is_as_good_as_its_worst_setting(goods, verdict):
    assert audit._verdict(control(), [Fact(good, "wanted", "found") for good in goods]).verdict is verdict


@pytest.mark.parametrize(("days", "verdict"), [(30, Verdict.WAIVED), (0, Verdict.WAIVED), (-1, Verdict.FAIL)])
def test_a_waiver_holds_until_its_last_day_and_says_whose_it_is(days, verdict):
    found = audit._waived(control(), waiver(days))
    assert found.verdict is verdict
    assert "Zhang Wei" in found.actual
    assert str(TODAY + timedelta(days=days)) in found.actual


@pytest.mark.parametrize("days", [30, -1])
def test_a_waived_control_is_not_applied_also_when_the_waiver_has_expired(days):
    known = facts("debian12", units=("ssh.service",))
    chosen = {one.id for one in audit.applied_controls(document(waiver(days)), known)}
    assert NAME not in chosen
    assert NAME in {one.id for one in audit.applied_controls(document(), known)}


def test_waivers_of_other_nodes_do_not_count():
    assert document(waiver(30, scope="b")).waivers == []
    assert len(document(waiver(30, scope="all"), waiver(30, scope="a")).waivers) == 2


def test_controls_that_do_not_fit_are_not_applied():
    chosen = {one.id for one in audit.applied_controls(document(), facts("debian13", units=("ssh.service",)))}
    assert "ssh.algorithms-13" in chosen and "ssh.algorithms-12" not in chosen


def test_forwarding_is_left_to_hosts_that_need_it_unless_it_is_never_to_be():
    name, podman = "sysctl-network.forwarding", replace(facts("forwards"), forwarders=("podman",))
    assert name in {one.id for one in audit.applied_controls(document(), facts())}
    assert audit.forwarding_notes(document(), facts()) == []
    choices = document().limits
    never = choices.model_copy(update={"hardening": choices.hardening.model_copy(update={"forwarding": "never"})})
    for chosen, applied, said in (
        (document(), False, "left on: podman"),
        (document().model_copy(update={"limits": never}), True, "cuts off podman"),
    ):
        assert (name in {one.id for one in audit.applied_controls(chosen, podman)}) == applied
        (line,) = audit.forwarding_notes(chosen, podman)
        assert said in line


def test_a_log_host_counts_where_one_is_chosen():
    names = {"logging.forwarding", "logging.log-host"}
    for node, there in ((document(log_host=LOG_HOST), True), (document(), False)):
        assert (names <= {one.id for one in audit.applied_controls(node, facts())}) is there


def test_a_jump_host_lets_through_to_the_hosts_behind_it_and_nowhere_else():
    def lines(*ends):
        choices = document().limits
        passing = choices.model_copy(update={"hardening": choices.hardening.model_copy(update={"jump_for": list(ends)})})
        control = expanded(catalogue()["ssh.forwarding"], document().model_copy(update={"limits": passing}))
        return {f"{one.key} {one.value}" for one in control.sets}

    assert lines() >= {"AllowTcpForwarding no", "DisableForwarding yes"}
    open_ways = lines("10.0.0.4:22", "10.0.0.5:22")
    assert open_ways >= {"AllowTcpForwarding local", "PermitOpen 10.0.0.4:22 10.0.0.5:22", "DisableForwarding no"}
    assert open_ways >= {"AllowAgentForwarding no", "AllowStreamLocalForwarding no", "PermitTunnel no", "X11Forwarding no"}


def test_an_unknown_control_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match="unknown control"):
        audit.named_controls(["no.such"])
    assert audit.named_controls([]) == catalogue()


def test_the_score_counts_what_could_be_judged():
    found = report(judged(Verdict.PASS), judged(Verdict.FAIL), judged(Verdict.NOT_TESTABLE_HERE), judged(Verdict.NOT_APPLICABLE))
    assert found.score_percent == 50.0
    assert report().score_percent == 0.0
    assert report_data(found)["counts"]["fail"] == 1


def test_what_fails_stands_last():
    assert [one.verdict for one in ordered([judged(Verdict.FAIL), judged(Verdict.PASS)])] == [Verdict.PASS, Verdict.FAIL]


def test_markdown_shows_waivers_and_prints_hostile_text_as_it_is():
    text = markdown(report(judged(Verdict.WAIVED, waiver=waiver(30)), judged(Verdict.FAIL)))
    assert "## Waivers" in text
    assert "<b>" not in text and "found \\| this" in text


def test_oscal_has_an_observation_for_each_judged_control_and_is_the_same_each_time():
    found = report(
        judged(Verdict.PASS), judged(Verdict.FAIL, "test.two", waiver(-1)), judged(Verdict.NOT_APPLICABLE, "test.three")
    )
    (result,) = oscal(found)["assessment-results"]["results"]
    assert [one["target"]["status"]["state"] for one in result["findings"]] == ["satisfied", "not-satisfied"]
    assert len(result["observations"]) == 2
    assert "Zhang Wei" in result["findings"][1]["remarks"]
    assert oscal(found) == oscal(found)


def test_the_last_day_is_counted_in_utc():
    assert isinstance(TODAY, date)
