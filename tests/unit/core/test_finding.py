"""Only a failing finding fails."""

import json

import pytest

from nodeops.core.finding import Finding, Verdict, failed


@pytest.mark.parametrize("verdict", Verdict)
def test_only_fail_fails(verdict):
    assert failed([Finding("a", Verdict.PASS, "x", "x"), Finding("b", verdict, "x", "y")]) is (verdict is Verdict.FAIL)


def test_nothing_does_not_fail():
    assert not failed([])


def test_as_dict_is_plain_text():
    finding = Finding("disk", Verdict.WARN, "20 % free", "10 % free", "add space")
    assert json.loads(json.dumps(finding.as_dict())) == {
        "id": "disk",
        "verdict": "warn",
        "expected": "20 % free",
        "actual": "10 % free",
        "hint": "add space",
    }


def test_the_words_of_verdicts_are_a_promise():
    words = {"pass", "warn", "fail", "waived", "not_applicable", "not_testable_here", "unknown"}
    assert {verdict.value for verdict in Verdict} == words
