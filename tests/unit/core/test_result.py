"""What every verb answers."""

import json

import pytest

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result

CHANGE = Change("unit file", "it was absent", after="written")


@pytest.mark.parametrize(("verdicts", "code"), [((), 0), (("pass", "warn"), 0), (("pass", "fail"), 1), (("unknown",), 0)])
def test_exit_code_follows_findings(verdicts, code):
    assert Result({}, findings=[Finding("x", Verdict(word), "", "") for word in verdicts]).exit_code == code


@pytest.mark.parametrize(("changes", "changed"), [((), False), ((CHANGE,), True)])
def test_as_dict_always_says_what_changed(changes, changed):
    body = Result({"height": 7}, changes=changes).as_dict()
    assert (body["height"], body["changed"], body["findings"]) == (7, changed, [])
    assert body["changes"] == [{"what": "unit file", "why": "it was absent", "before": "", "after": "written"}] * changed


def test_as_dict_is_json():
    finding = Finding("x", Verdict.FAIL, "a", "b")
    body = Result({"a": [1, None]}, findings=[finding], changes=[CHANGE]).as_dict()
    assert json.loads(json.dumps(body)) == body
