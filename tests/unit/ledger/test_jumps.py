"""From one version to another: what may run side by side, what needs a vote, and what is refused before anything is changed."""

import pytest

from nodeops.core.errors import Refused
from nodeops.document.profile import JumpRule, known_platforms, load_profile
from nodeops.ledger.jumps import jump, refuse_jumps

CASES = [
    ("cometbft", "v0.38.21", "v0.38.26", "rolling"),
    ("cometbft", "v0.38.26", "v0.38.21", "rolling"),
    ("cometbft", "v0.38.21", "v0.38.21", "none"),
    ("cometbft", "v0.38.21", "v0.37.15", "never"),
    ("cometbft", "v0.38.21", "v1.38.21", "never"),
    ("cometbft", "v0.38.21", "0.38.22-rc1", "rolling"),
    ("cometbft", "v0", "v0.38.21", "never"),
    ("cosmos", "v0.1.0", "v0.1.1", "rolling"),
    ("cosmos", "v0.1.0", "v0.2.0", "vote"),
    ("cosmos", "v0.1.0", "v1.1.0", "vote"),
    ("cosmos", "v0.10.0", "v0.1.0", "vote"),
]


@pytest.mark.parametrize(("platform", "before", "after", "how"), CASES)
def test_how_a_chain_goes_over(platform: str, before: str, after: str, how: str) -> None:
    found = jump(load_profile(platform), before, after)
    assert (found.how, bool(found.why)) == (how, True)


def test_an_exception_counts_in_both_directions() -> None:
    profile = load_profile("cometbft")
    rule = JumpRule(between=["v0.38.21", "v0.38.26"], how="never", why="they do not understand each other")
    spoiled = profile.model_copy(update={"upgrades": profile.upgrades.model_copy(update={"exceptions": [rule]})})
    for pair in (("v0.38.21", "v0.38.26"), ("v0.38.26", "v0.38.21")):
        assert (jump(spoiled, *pair).how, jump(spoiled, *pair).why) == ("never", rule.why)
    assert jump(spoiled, "v0.38.21", "v0.38.22").how == "rolling"


@pytest.mark.parametrize("platform", known_platforms())
def test_known_releases_of_a_platform_go_over_somehow(platform: str) -> None:
    profile = load_profile(platform)
    found = {jump(profile, one, other).how for one in profile.releases for other in profile.releases}
    assert found <= {"none", "rolling", "vote"}


def test_hosts_that_cannot_go_over_are_named() -> None:
    installed = {"a-1": "v0.38.21", "a-2": None, "b-1": "v0.37.1"}
    refuse_jumps("cometbft", "v0.38.26", {**installed, "b-1": "v0.38.26"}, voted=False)
    with pytest.raises(Refused) as caught:
        refuse_jumps("cometbft", "v0.38.26", installed, voted=False)
    assert "b-1: v0.37.1 -> v0.38.26" in caught.value.what
    assert "a-1" not in caught.value.what


def test_only_who_waits_for_the_height_may_go_over_by_vote() -> None:
    refuse_jumps("cosmos", "v0.2.0", {"a-1": "v0.1.0"}, voted=True)
    with pytest.raises(Refused, match=r"upgrade.yml"):
        refuse_jumps("cosmos", "v0.2.0", {"a-1": "v0.1.0"}, voted=False)
