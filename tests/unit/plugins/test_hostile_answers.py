"""What the doors to hosts make of answers that no honest host gives."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from tests.contract.rules.tree import ROOT
from tests.unit.fleet.samples import status


def door(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"door_{name}", ROOT / f"plugins/action/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRIALS = [
    ({"trial": {"token": "abc", "seconds": 90}}, {"token": "abc", "seconds": 90}),
    ({"trial": {"token": 7, "seconds": 1e12}}, {"token": "7", "seconds": 600}),
    ({"trial": {"token": "abc", "seconds": "90"}}, None),
    ({"trial": ["abc"]}, None),
    ({"trial": None}, None),
    ({}, None),
    ("text", None),
    (None, None),
]


@pytest.mark.parametrize(("answer", "trial"), TRIALS)
def test_no_host_keeps_a_run_waiting_longer_than_any_trial(answer: Any, trial: Any) -> None:
    assert door("nodeops_trial")._trial(answer) == trial


@pytest.mark.parametrize("observed", [None, {}, [], "x", {"\x1b[2Jevil": 1}, {"release": "\x1b[2J" * 1000}])
def test_what_is_no_observation_is_named_without_being_shown(observed: Any) -> None:
    said = door("nodeops_preflight")._facts({"observed": observed})
    assert said.startswith("this host did not answer as nodeops_observe does: ")
    assert ("\x1b" in said, len(said) < 300) == (False, True)


@pytest.mark.parametrize(
    "answer", [None, {}, [], "x", {"revision": "1 digest", "digest": []}, {"revision": 0, "digest": "0" * 64}]
)
def test_what_is_no_revision_is_none(answer: Any) -> None:
    assert door("nodeops_revision")._mark(answer) is None


def test_a_status_that_is_none_costs_the_others_no_judgement() -> None:
    good = status("cu-1")
    answers = {"cu-1": good, "n-2": {"height": "\x1b[2J"}, "n-3": {}, "n-4": "text"}
    statuses, untrue = door("nodeops_judge")._statuses(answers)
    assert [name for name, one in statuses.items() if one] == ["cu-1"]
    assert [said.partition(":")[0] for said in untrue] == ["n-2", "n-4"]
    assert "\x1b" not in "".join(untrue)
