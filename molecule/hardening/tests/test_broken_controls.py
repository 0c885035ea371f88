"""Every control that a container can show is made to fail, found, put right, and undone. Both releases at the same time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

import pytest
import remote
import snapshot
import spoil
from conftest import GOOD, LIGHT, assert_nothing, failing, packages, verdicts
from hosts import unlocked
from tier import FULL

from nodeops.core.finding import Verdict
from nodeops.document.inventory import chosen
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.values import expanded

pytestmark = pytest.mark.usefixtures("hardened")
DOCUMENT = resolve(load_consortium(remote.SCENARIO), remote.NODES[0], chosen(remote.SCENARIO).choices)
CONTROLS = [expanded(control, DOCUMENT) for control in catalogue().values()]
# Runs each line of a JSON object by its name, and says how each ended and what it said.
_RUN = """
import json, subprocess, sys
ended = {}
for name, line in json.loads(sys.argv[1]).items():
    done = subprocess.run(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ended[name] = [done.returncode, done.stdout[-2000:]]
print(json.dumps(ended))
"""


def test_every_control_has_a_verdict_and_none_fails() -> None:
    for node, seen in remote.at_once(verdicts, remote.NODES).items():
        assert seen.keys() == catalogue().keys(), node
        assert {name: verdict for name, verdict in seen.items() if verdict not in GOOD} == {}, node


def test_what_is_broken_is_found_and_put_right() -> None:
    assert_nothing(remote.at_once(broken_and_put_right, remote.NODES))


def broken_and_put_right(node: str) -> list[str]:
    """Return what went wrong: breakages that were not found, and what still fails after apply."""
    passing = {name for name, verdict in verdicts(node).items() if verdict == Verdict.PASS}
    controls = [control for control in CONTROLS if control.id in passing]
    wrong: list[str] = []
    stock = snapshot.stock(node)["packages"]
    for round_ in zip_longest(*(chosen_lines(node, spoil.lines(control, stock)) for control in controls)):
        wrong += one_round(node, {control.id: line for control, line in zip(controls, round_, strict=True) if line})
    return wrong


def chosen_lines(node: str, lines: Sequence[str]) -> Iterable[str]:
    """Return the settings of a control that are broken on a host, one a round: first here, last there; in full all."""
    if FULL:
        return lines
    return lines[:1] if node == remote.NODES[0] else lines[-1:]


def one_round(node: str, broken: Mapping[str, str]) -> list[str]:
    ended: dict[str, tuple[int, str]] = json.loads(remote.script(node, _RUN, json.dumps(broken)))
    effects = {name: said for name, (code, said) in ended.items() if code != spoil.ABSENT}
    if not effects:
        return []
    wrong = [f"{name} was not broken by {broken[name][:200]}: {said}" for name, said in effects.items() if ended[name][0]]
    found = verdicts(node, *effects)
    wrong += [f"{name} is not found: {broken[name][:200]}" for name in effects if found[name] != Verdict.FAIL]
    remote.apply(node)
    return wrong + [f"not put right: {line}" for line in failing(node, *effects)]


def test_packages_that_must_not_be_there_are_found() -> None:
    assert_nothing(remote.at_once(unwanted_packages, remote.NODES))


def unwanted_packages(node: str) -> list[str]:
    """Return what is not found. Removed by hand, so that no undo will bring them back."""
    unwanted = {name: control for control in catalogue().values() for name in packages(control, "absent")}
    try:
        remote.must(node, " && ".join(spoil.fake_package(name) for name in unwanted))
        found = verdicts(node, *{control.id for control in unwanted.values()})
        return [f"{name}: {control.id} is not found" for name, control in unwanted.items() if found[control.id] != Verdict.FAIL]
    finally:
        remote.must(node, unlocked(f"dpkg --purge --force-depends {' '.join(unwanted)}") if unwanted else "true")


@pytest.mark.parametrize("turn", [0, 1] if FULL else [0])
def test_half_of_the_controls_are_undone_and_applied_again(turn: int) -> None:
    """One half on one host, the other half on the other; in full both on both."""
    assert_nothing(remote.at_once(lambda node: undone_and_applied(node, half(remote.NODES.index(node) ^ turn)), remote.NODES))


def half(number: int) -> list[str]:
    """Return every second control; packages once more only in full."""
    return sorted(catalogue() if FULL else LIGHT)[number::2]


def undone_and_applied(node: str, names: list[str]) -> list[str]:
    before = verdicts(node)
    remote.apply(node, "undo", *names)
    others = {name: verdict for name, verdict in verdicts(node).items() if name not in names}
    wrong = [f"undo of others touched {name}: {verdict}" for name, verdict in others.items() if verdict != before[name]]
    remote.apply(node)
    after = verdicts(node)
    return wrong + [f"{name}: {before[name]}, applied again {after[name]}" for name in before if before[name] != after[name]]
