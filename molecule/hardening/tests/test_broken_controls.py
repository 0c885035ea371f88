"""Every control that a container can show is made to fail, found, put right, and undone. Both releases at the same time."""

from itertools import zip_longest

import pytest
import remote
import spoil
from conftest import GOOD, assert_nothing, failing, verdicts

from nodeops.core.finding import Verdict
from nodeops.hardening import settings
from nodeops.hardening.catalogue import Control, catalogue

TOPICS = sorted({control.topic for control in catalogue().values()})
# These only look, and what they look at is not ours to break: passwords, accounts, mounts.
pytestmark = pytest.mark.usefixtures("hardened")


def of_topic(topic: str) -> list[Control]:
    return [control for control in catalogue().values() if control.topic == topic]


def test_nothing_fails_on_a_hardened_host() -> None:
    assert_nothing(remote.at_once(failing, remote.NODES))


def test_every_control_has_a_verdict() -> None:
    for node, seen in remote.at_once(verdicts, remote.NODES).items():
        assert seen.keys() == catalogue().keys(), node
        assert set(seen.values()) <= {verdict.value for verdict in GOOD}, node


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_broken_is_found_and_put_right(topic: str) -> None:
    assert_nothing(remote.at_once(lambda node: broken_and_put_right(node, topic), remote.BROKEN))


def broken_and_put_right(node: str, topic: str) -> list[str]:
    """Return what went wrong: breakages that were not found, and what still fails after apply."""
    passing = {name for name, verdict in verdicts(node).items() if verdict == Verdict.PASS}
    controls = [control for control in of_topic(topic) if control.id in passing]
    wrong: list[str] = []
    # The first setting of every control, then the second of every control that has two, and so on.
    for round_ in zip_longest(*(spoil.lines(control) for control in controls)):
        wrong += one_round(node, {control.id: line for control, line in zip(controls, round_, strict=True) if line})
    return wrong


def one_round(node: str, broken: dict[str, str]) -> list[str]:
    effects = {name: remote.run(node, line) for name, line in broken.items()}
    wrong = [f"{name} was not broken by {broken[name][:200]}: {said}" for name, said in effects.items() if said.code]
    found = verdicts(node, *broken)
    wrong += [f"{name} is not found: {broken[name][:200]}" for name in broken if found[name] != Verdict.FAIL]
    remote.apply(node)
    return wrong + [f"not put right: {line}" for line in failing(node)]


def test_packages_that_must_not_be_there_are_found() -> None:
    assert_nothing(remote.at_once(unwanted_packages, remote.BROKEN))


def unwanted_packages(node: str) -> list[str]:
    """Return what is not found. Removed by hand, so that no undo will bring them back."""
    unwanted = {name: control for control in catalogue().values() for name in absent(control)}
    try:
        for name in unwanted:
            remote.must(node, spoil.fake_package(name))
        found = verdicts(node, *{control.id for control in unwanted.values()})
        return [f"{name}: {control.id} is not found" for name, control in unwanted.items() if found[control.id] != Verdict.FAIL]
    finally:
        remote.must(node, f"dpkg --purge --force-depends {' '.join(unwanted)}" if unwanted else "true")


def absent(control: Control) -> list[str]:
    return [one.name for one in control.sets if isinstance(one, settings.Package) and one.state == "absent"]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_undone_alone_and_applied_again(topic: str) -> None:
    assert_nothing(remote.at_once(lambda node: undone_and_applied(node, topic), remote.BROKEN))


def undone_and_applied(node: str, topic: str) -> list[str]:
    before = verdicts(node)
    remote.apply(node, "undo", *(control.id for control in of_topic(topic)))
    others = {name: verdict for name, verdict in verdicts(node).items() if not name.startswith(f"{topic}.")}
    wrong = [f"undo of {topic} touched {name}: {verdict}" for name, verdict in others.items() if verdict != before[name]]
    remote.apply(node)
    after = verdicts(node)
    return wrong + [f"{name}: {before[name]}, applied again {after[name]}" for name in before if before[name] != after[name]]
