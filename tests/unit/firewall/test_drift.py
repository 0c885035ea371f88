"""What is judged of a firewall, and what an apply would do: a table of what can differ."""

from dataclasses import replace

import pytest

from nodeops.core.finding import Verdict
from nodeops.firewall.drift_rules import Seen, changes, difference, findings, state

GOOD = Seen(wanted="table {\n\ta\n}\n", script="a\n", live="table {\n\ta\n}\n", confirmed="a\n", enabled=True)


@pytest.mark.parametrize(
    ("seen", "word", "failing", "changed"),
    [
        (GOOD, "on", set(), []),
        (replace(GOOD, live=None), "off", {"firewall.live"}, ["table inet nodeops"]),
        (replace(GOOD, live="table {\n\tb\n}\n"), "drift", {"firewall.live"}, ["table inet nodeops"]),
        (replace(GOOD, confirmed=None), "drift", {"firewall.file"}, ["rules at boot"]),
        (replace(GOOD, confirmed="b\n"), "drift", {"firewall.file"}, ["rules at boot"]),
        (replace(GOOD, enabled=False), "drift", {"firewall.unit"}, ["nodeops-firewall.service"]),
        (replace(GOOD, watched=False), "drift", {"firewall.unit"}, ["nodeops-firewall.service"]),
        (replace(GOOD, confirmed="b\n", trial_seconds=9.0), "on trial", {"firewall.file"}, ["rules at boot"]),
    ],
)
def test_what_differs_is_found(seen, word, failing, changed):
    assert state(seen) == word
    assert {one.id for one in findings(seen) if one.verdict is Verdict.FAIL} == failing
    assert [change.what for change in changes(seen)] == changed
    assert bool(changed) == seen.differs


def test_a_trial_is_told_with_the_time_left():
    (trial,) = (one for one in findings(replace(GOOD, trial_seconds=12.4)) if one.id == "firewall.trial")
    assert (trial.verdict, "12 s" in trial.actual) == (Verdict.WARN, True)


def test_the_lines_that_differ_are_shown():
    assert difference("a\nb\nc\n", "a\nd\nc\n") == ["- b", "+ d"]
