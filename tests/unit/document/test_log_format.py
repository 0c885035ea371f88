"""How a log is read is data of the profile, and a profile that cannot work is refused when it is loaded."""

import pytest
from pydantic import ValidationError

from nodeops.document.load import load_consortium
from nodeops.document.log_format import LogFormat
from nodeops.document.profile import Profile, known_platforms, load_profile
from nodeops.document.resolve import resolve
from tests.unit.document.written import inventory

GOOD = {
    "line": r"^(?P<level>[A-Z]+) (?P<time>\S+)",
    "time_format": "%Y-%m-%dT%H:%M:%S",
    "timezone": "utc",
    "module": "module",
    "levels": {"INFO": "info"},
    "rotation": "none",
}
BAD = {
    "no regular expression": ({"line": "("}, "not a regular expression"),
    "no level": ({"line": "(?P<time>x)"}, "level and time"),
    "a possessive repetition": ({"line": r"^(?P<level>[A-Z]++) (?P<time>\S+)"}, "possessive"),
    "an atomic group": ({"line": r"^(?P<level>(?>[A-Z]+)) (?P<time>\S+)"}, "atomic"),
    "no day in the time": ({"time_format": "%Y %H:%M:%S"}, "once each"),
    "a directive twice": ({"time_format": "%Y%Y-%m-%d %H:%M:%S"}, "once each"),
    "names of months": ({"time_format": "%d %b %Y %m %H:%M:%S"}, "no other directive"),
    "no levels": ({"levels": {}}, "levels"),
    "a module with spaces": ({"module": "a b"}, "module"),
    "a signal that nobody needs": ({"reopen_signal": "SIGHUP"}, "reopen_signal"),
    "reopens on no signal": ({"rotation": "reopen", "rotated": "*.1"}, "reopen_signal"),
    "own rotator of unknown names": ({"rotation": "own"}, "rotated"),
    "rotated files that nobody makes": ({"rotated": "*.1"}, "rotated"),
    "rotated files elsewhere": ({"rotation": "own", "rotated": "../*"}, "rotated"),
    "a lever that is no variable": ({"lever": {"method": "restart", "variable": "A B", "why": "x"}}, "variable"),
    "unknown key": ({"colour": "red"}, "colour"),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=BAD)
def test_a_format_that_cannot_work_is_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        LogFormat.model_validate({**GOOD, **change})


def test_a_platform_may_rotate_by_itself_or_on_a_signal():
    LogFormat.model_validate({**GOOD, "rotation": "own", "rotated": "ledger.log.*"})
    LogFormat.model_validate({**GOOD, "rotation": "reopen", "rotated": "ledger.log.*", "reopen_signal": "SIGHUP"})


@pytest.mark.parametrize("platform", known_platforms())
def test_every_level_of_a_log_is_a_level_of_its_platform(platform):
    body = load_profile(platform).model_dump()
    body["log"]["levels"]["W"] = "warning"
    with pytest.raises(ValidationError, match="warning is not one of log_levels"):
        Profile.model_validate(body)


def test_a_host_is_told_how_to_read_its_log(tmp_path):
    profile = load_profile("cometbft")
    ledger = resolve(load_consortium(inventory(tmp_path)), "tel-1", {}).ledger
    assert (ledger.log, ledger.log_levels) == (profile.log, ["debug", "info", "error"])
