"""What the guard makes of the quorum gate: when it asks, how long an answer holds, and that silence never fills a disk."""

import json
import os
import time

import pytest

from nodeops.disk.guard.quorum_gate import Gate, read
from nodeops.disk.policy.quorum_answer import PATIENCE_SECONDS, Answer, judged

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("verdict", "age", "since", "asked", "may_stop", "ask"),
    [
        ("open", 1.0, 2.0, 2.0, True, False),
        ("open", 8.0, 9.0, 9.0, False, True),
        ("open", 1000.0, 1.0, 1000.0, False, True),
        ("wait", 1.0, 60.0, 1.0, False, False),
        ("wait", 5.0, 60.0, 5.0, False, True),
        ("closed", 20.0, 600.0, 20.0, False, False),
        ("closed", 40.0, 600.0, 40.0, False, True),
        ("closed", 100.0, 600.0, 40.0, True, True),
        ("", 0.0, 0.0, 1000.0, False, True),
        ("", 0.0, 3.0, 3.0, False, False),
        ("", 0.0, PATIENCE_SECONDS + 1, 2.0, True, False),
        ("nonsense", 1.0, PATIENCE_SECONDS + 1, 2.0, False, False),
    ],
)
def test_what_an_answer_is_worth(verdict, age, since, asked, may_stop, ask):
    answer = Answer(verdict, "why", NOW - age) if verdict else Answer()
    found = judged(answer, NOW, NOW - since, NOW - asked)
    assert (found.may_stop, found.ask) == (may_stop, ask)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"verdict": "open"}'])
def test_what_is_no_answer_is_none(tmp_path, text):
    (tmp_path / "quorum.json").write_text(text)
    assert read(tmp_path / "quorum.json", NOW) is None
    assert read(tmp_path / "nothing", NOW) is None


def test_an_answer_holds_while_the_next_one_is_on_its_way(tmp_path):
    file = tmp_path / "quorum.json"
    gate = Gate(file)
    assert gate.look(wanted=False).may_stop
    assert gate.look(wanted=True).ask
    gate.was_asked()
    assert not gate.look(wanted=True).ask
    file.write_text(json.dumps({"verdict": "closed", "why": "3 of 4", "height": None}))
    assert gate.look(wanted=True).why == "3 of 4"
    # systemd empties the file before the question is asked again.
    os.truncate(file, 0)
    found = gate.look(wanted=True)
    assert (found.may_stop, found.why) == (False, "3 of 4")


@pytest.mark.parametrize("wanted", [True, False])
def test_an_answer_from_before_the_question_opens_nothing(tmp_path, wanted):
    file = tmp_path / "quorum.json"
    gate = Gate(file)
    gate.look(wanted=False)
    file.write_text(json.dumps({"verdict": "open", "why": "4 of 4"}))
    asks = Gate(file) if wanted else gate
    asks.look(wanted=False)
    assert not asks.look(wanted=True).may_stop


@pytest.mark.parametrize("jump", [-3600.0, 20.0, 3600.0])
def test_a_clock_that_is_set_stops_no_node_and_keeps_none_running(tmp_path, monkeypatch, jump):
    """The guard asks once: the others need this node. Then NTP sets the clock."""
    file = tmp_path / "quorum.json"
    monkeypatch.setattr(time, "time", lambda: NOW)
    gate = Gate(file)
    assert gate.look(wanted=True).ask
    monkeypatch.setattr(time, "time", lambda: NOW + jump)
    assert not gate.look(wanted=True).may_stop
    file.write_text(json.dumps({"verdict": "closed", "why": "3 of 4"}))
    os.utime(file, (NOW + jump, NOW + jump))
    assert gate.look(wanted=True).why == "3 of 4"
    file.write_text(json.dumps({"verdict": "open", "why": "4 of 4"}))
    os.utime(file, (NOW - jump, NOW - jump))
    assert gate.look(wanted=True).may_stop
