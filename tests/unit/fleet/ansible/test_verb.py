"""A verb as a task: the line that a shell runs, for real, and what becomes of whatever a host says."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nodeops.fleet.ansible.verb import shell_line, verb_result

FINDING = {"id": "a", "verdict": "fail", "actual": "b", "expected": "c", "hint": "d"}
GIVEN = {"verb": ["x"], "changes": False, "tolerate": [], "timeout": 20}


def asked(given: dict[str, Any], check: bool = False) -> dict[str, Any]:
    """Return the result of what a real shell did."""
    done = subprocess.run(["/bin/sh", "-c", shell_line(given, check)], capture_output=True, text=True, timeout=30, check=False)
    return verb_result(given, check, {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr})


def command(folder: Path, script: str, **given: Any) -> dict[str, Any]:
    made = folder / "node ops"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)
    return {**GIVEN, "command": str(made), **given}


def test_without_an_agent_is_only_allowed_in_check_mode(tmp_path):
    given = {**GIVEN, "command": str(tmp_path / "nodeops"), "changes": True}
    assert asked(given, check=True)["changed"] is True
    refused = asked(given)
    assert (refused["failed"], "not installed here: run site.yml" in refused["msg"]) == (True, True)


ANSWERS = {
    "fine": ("""echo '{"changed": true, "findings": []}'""", False, ""),
    "a finding": (f"echo '{json.dumps({'findings': [FINDING]})}'; exit 1", True, "a: b (expected c). d"),
    "no object": ("echo not json", True, "said nothing"),
    "a list": ("echo '[1]'", True, "said nothing"),
    "its own words": ("echo 'host: it broke' >&2; exit 3", True, "it broke"),
    "words of another": ("echo 'python3: not found' >&2; exit 3", True, "python3: not found"),
    "no interpreter": ("echo 'python3: not found' >&2; exit 127", True, "apt-get install python3"),
    "sudo": ("echo 'sudo: a password is required' >&2; exit 1", True, "NOPASSWD"),
}


@pytest.mark.parametrize(("script", "failed", "text"), ANSWERS.values(), ids=ANSWERS)
def test_answers_and_reasons_are_handed_over(tmp_path, script, failed, text):
    result = asked(command(tmp_path, script))
    assert result["failed"] is failed
    assert text in result.get("msg", "")


def test_a_verb_that_does_not_end_is_stopped_and_said_to_be(tmp_path):
    result = asked(command(tmp_path, "exec sleep 20", timeout=1))
    assert (result["rc"], result["msg"]) == (124, "the verb did not end within 1 s")


def test_a_tolerated_code_is_an_answer_and_what_fails_is_said(tmp_path):
    result = asked(command(tmp_path, f"echo '{json.dumps({'findings': [FINDING]})}'; exit 1", tolerate=[1]))
    # Said outright: Ansible takes the code alone for a failure.
    assert (result["failed"], result["rc"], result["failures"]) == (False, 1, ["a: b (expected c). d"])


@pytest.mark.parametrize(("check", "changes", "dry"), [(True, True, True), (True, False, False), (False, True, False)])
def test_only_a_verb_that_changes_is_rehearsed_in_check_mode(tmp_path, check, changes, dry):
    given = command(tmp_path, """printf '{"words": "%s"}\\n' "$*" """, verb=["a b", "$(id)", "'"], changes=changes)
    assert asked(given, check)["answer"]["words"] == "a b $(id) ' --json" + " --dry-run" * dry


HOSTILE = [
    {"findings": "x", "changes": {"a": 1}},
    {"findings": [1, None, {"verdict": "fail"}], "changes": ["x", {"what": [1]}]},
    {"findings": None, "changed": "yes"},
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_no_answer_breaks_the_controller(answer):
    given = {**GIVEN, "command": "/nodeops"}
    for code in (0, 1):
        result = verb_result(given, False, {"rc": code, "stdout": json.dumps(answer), "stderr": ""})
        assert (result["failed"], result["answer"]) == (bool(code), answer)


def test_what_changes_is_shown_as_a_difference():
    said = json.dumps({"changed": True, "changes": [{"what": "port", "before": 1, "after": 2, "why": "w"}]})
    result = verb_result({**GIVEN, "command": "/n"}, False, {"rc": 0, "stdout": f"motd\n{said}", "stderr": "warning"})
    assert (result["changed"], result["diff"]) == (True, [{"before": "1", "after": "2", "before_header": "port"}])
