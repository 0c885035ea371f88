"""Every control that a container can show is made to fail, found, put right, and undone. Both releases at the same time."""

from itertools import zip_longest

import pytest
import remote
import snapshot
import spoil
from conftest import GOOD, assert_nothing, failing, verdicts
from tier import FULL

from nodeops.core.finding import Verdict
from nodeops.document.inventory import chosen
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control, catalogue
from nodeops.hardening.controls.values import expanded

pytestmark = pytest.mark.usefixtures("hardened")


DOCUMENT = resolve(load_consortium(remote.SCENARIO), remote.BROKEN[0], chosen(remote.SCENARIO).choices)


CONTROLS = [expanded(control, DOCUMENT) for control in catalogue().values()]


def test_nothing_fails_on_a_hardened_host() -> None:
    assert_nothing(remote.at_once(failing, remote.NODES))


def test_every_control_has_a_verdict() -> None:
    for node, seen in remote.at_once(verdicts, remote.NODES).items():
        assert seen.keys() == catalogue().keys(), node
        assert set(seen.values()) <= {verdict.value for verdict in GOOD}, node


def test_what_is_broken_is_found_and_put_right() -> None:
    assert_nothing(remote.at_once(broken_and_put_right, remote.BROKEN))


def broken_and_put_right(node: str) -> list[str]:
    """Return what went wrong: breakages that were not found, and what still fails after apply."""
    passing = {name for name, verdict in verdicts(node).items() if verdict == Verdict.PASS}
    controls = [control for control in CONTROLS if control.id in passing]
    wrong: list[str] = []
    # The first setting of every control, then the second of every control that has two, and so on.
    packages = snapshot.stock(node)["packages"]
    for round_ in zip_longest(*(spoil.lines(control, packages) for control in controls)):
        wrong += one_round(node, {control.id: line for control, line in zip(controls, round_, strict=True) if line})
    return wrong


def one_round(node: str, broken: dict[str, str]) -> list[str]:
    effects = {name: remote.run(node, line) for name, line in broken.items()}
    effects = {name: said for name, said in effects.items() if said.code != spoil.ABSENT}
    if not effects:
        return []
    wrong = [f"{name} was not broken by {broken[name][:200]}: {said}" for name, said in effects.items() if said.code]
    found = verdicts(node, *effects)
    wrong += [f"{name} is not found: {broken[name][:200]}" for name in effects if found[name] != Verdict.FAIL]
    remote.apply(node)
    return wrong + [f"not put right: {line}" for line in failing(node, *effects)]


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


@pytest.mark.parametrize("turn", [0, 1] if FULL else [0])
def test_half_of_the_controls_are_undone_and_applied_again(turn: int) -> None:
    """One half on one host, the other half on the other; in full both on both."""
    assert_nothing(remote.at_once(lambda node: undone_and_applied(node, half(remote.BROKEN.index(node) ^ turn)), remote.BROKEN))


def half(number: int) -> list[str]:
    return [control.id for control in CONTROLS][number::2]


def undone_and_applied(node: str, names: list[str]) -> list[str]:
    before = verdicts(node)
    remote.apply(node, "undo", *names)
    others = {name: verdict for name, verdict in verdicts(node).items() if name not in names}
    wrong = [f"undo of others touched {name}: {verdict}" for name, verdict in others.items() if verdict != before[name]]
    remote.apply(node)
    after = verdicts(node)
    return wrong + [f"{name}: {before[name]}, applied again {after[name]}" for name in before if before[name] != after[name]]
