"""What the doors to hosts make of answers that no honest host gives."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from tests.contract.rules.tree import ROOT


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
