"""Which level may be set for how long, what that changes, and that taking it back may be tried at any time."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import InputError
from nodeops.document.models import LedgerPlan
from nodeops.document.profile import load_profile
from nodeops.logs.level_rules import Pull, Seen, content, level_in, plan_back, plan_set, require_lever, seconds_of, summary
from tests.unit.logs.log_lines import LOG

PROFILE = load_profile("cometbft")
PLAN = LedgerPlan(
    platform="cometbft", version="v0.38.21", chain="c", application="a", block_seconds=1.0, log_level="info",
    log_levels=PROFILE.log_levels, log=LOG, user=PROFILE.user, unit=PROFILE.unit, ports=PROFILE.ports, paths=PROFILE.paths,
)  # fmt: skip
PULL = Pull("debug", "abcd", "boot", 100.0)
QUIET = Seen("ledger.service", "info", None, None, True, None, None)
LOUD = replace(QUIET, dropped_in="debug", running="debug", pull=PULL, left=600.0)


@pytest.mark.parametrize(
    ("level", "lasting", "seconds"),
    [("debug", "30m", 1800), ("debug", "24h", 86400), ("error", None, 3600), ("info", None, 3600), ("error", "10s", 10)],
)
def test_a_level_lasts_as_long_as_was_said(level, lasting, seconds):
    assert seconds_of(level, lasting, PLAN) == seconds


@pytest.mark.parametrize(
    ("level", "lasting", "said"),
    [
        ("debug", None, "for how long"),
        ("debug", "25h", "longer than a day"),
        ("debug", "0m", "duration"),
        ("loud", "1h", "error"),
    ],
)
def test_a_level_that_may_not_be_set_is_refused(level, lasting, said):
    with pytest.raises(InputError, match=said):
        seconds_of(level, lasting, PLAN)


def test_the_most_talkative_level_needs_no_time_where_it_is_the_configured_one():
    assert seconds_of("debug", None, PLAN.model_copy(update={"log_level": "debug"})) == 3600


def test_a_platform_without_a_lever_says_so():
    with pytest.raises(InputError, match="cannot be changed for a while"):
        require_lever(PLAN.model_copy(update={"log": LOG.model_copy(update={"lever": None})}))


def test_the_drop_in_sets_what_is_read_from_it():
    text = content("CMT_LOG_LEVEL", "debug")
    assert (level_in(text, "CMT_LOG_LEVEL"), level_in(text, "CMT_LOG"), level_in("", "CMT_LOG_LEVEL")) == ("debug", None, None)
    assert text.splitlines()[1:] == ["[Service]", "Environment=CMT_LOG_LEVEL=debug"]


def steps(changes):
    return [change.what.split(" ")[0] for change in changes]


SET = {
    "first": (QUIET, "debug", ["arm", "write", "daemon-reload", "restart"]),
    "longer": (LOUD, "debug", ["arm"]),
    "another": (LOUD, "error", ["arm", "write", "daemon-reload", "restart"]),
    "not running": (replace(QUIET, active=False), "debug", ["arm", "write", "daemon-reload"]),
    "written, not started with it": (replace(LOUD, running=None), "debug", ["arm", "daemon-reload", "restart"]),
}
BACK = {
    "in force": (LOUD, ["remove", "daemon-reload", "restart"]),
    "back already": (QUIET, []),
    "timer is gone": (replace(LOUD, pull=None, left=None), ["remove", "daemon-reload", "restart"]),
    "removed, not started anew": (replace(LOUD, dropped_in=None), ["daemon-reload", "restart"]),
    "written, not started with it": (replace(LOUD, running=None), ["remove", "daemon-reload"]),
    "not running": (replace(LOUD, active=False, running=None), ["remove", "daemon-reload"]),
}


@pytest.mark.parametrize(("seen", "level", "wanted"), SET.values(), ids=SET)
def test_what_sets_a_level_comes_in_order(seen, level, wanted):
    assert steps(plan_set(seen, level, 60)) == wanted


@pytest.mark.parametrize(("seen", "wanted"), BACK.values(), ids=BACK)
def test_what_takes_it_back_is_only_what_is_left_to_do(seen, wanted):
    assert steps(plan_back(seen)) == wanted


LEVELS = st.sampled_from([None, *PROFILE.log_levels])


@given(LEVELS, LEVELS, st.booleans())
def test_after_taking_it_back_nothing_is_left_to_take_back(dropped_in, running, active):
    seen = Seen("u", "info", dropped_in, running if active else None, active, None, None)
    done = steps(plan_back(seen))
    after = replace(seen, dropped_in=None, running=None if "restart" in done else seen.running)
    assert plan_back(after) == []
    assert active or "restart" not in done


SAID = {
    "as configured": (QUIET, "logs at info, as configured"),
    "for a while": (LOUD, "logs at debug for 10 min more, then at info again"),
    "less than a minute": (replace(LOUD, left=5.0), "for 1 min more"),
    "no timer": (replace(LOUD, left=None), "no timer takes it back to info"),
    "not running": (replace(LOUD, active=False, running=None), "does not run and will log at debug for 10 min more"),
    "not started anew": (replace(LOUD, dropped_in=None), "logs at debug until it is restarted"),
}


@pytest.mark.parametrize(("seen", "said"), SAID.values(), ids=SAID)
def test_one_line_says_how_it_stands(seen, said):
    assert said in summary(seen)
