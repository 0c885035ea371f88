"""What decides does not act."""

import pytest

from tests.contract.rules.purity import impurities, promises
from tests.contract.rules.tree import ROOT, assert_kept


def test_the_house_keeps():
    assert_kept(impurities)


def test_the_house_promises():
    assert {"core.errors", "document.resolve", "lab.plan", "ledger.quorum"} <= promises(ROOT)


def test_rooms_names_and_docstrings_promise(plant):
    files = ["core/a", "document/models", "document/load", "mesh/policy", "mesh/probe", "lab/plan", "ledger/artifact_plan"]
    root = plant({f"nodeops/{name}.py": "" for name in files} | {"nodeops/ledger/quorum.py": '"""Arithmetic. Pure."""'})
    assert promises(root) == {"core.a", "document.models", "mesh.policy", "lab.plan", "ledger.artifact_plan", "ledger.quorum"}


LINES = [
    "import os",
    "import os.path",
    "from subprocess import run",
    "import psutil",
    "from urllib import request",
    "def f():\n    import time",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("module", ["core/a", "mesh/policy", "ledger/quorum"])
def test_an_acting_library_is_found(plant, module, line):
    assert len(list(impurities(plant({f"nodeops/{module}.py": f'"""Pure."""\n{line}'})))) == 1


def test_an_acting_library_is_found_behind_another_module(plant):
    root = plant({"nodeops/mesh/policy.py": "from nodeops.host import command", "nodeops/host/command.py": "import subprocess"})
    assert list(impurities(root)) == ["mesh.policy promises to be pure but reaches subprocess through nodeops.host.command"]


def test_what_acts_may_act(plant):
    assert list(impurities(plant({"nodeops/host/a.py": "import os", "nodeops/document/load.py": "import os"}))) == []


@pytest.mark.parametrize(
    "line", ["from urllib.parse import quote", "import json", "from pathlib import Path", "from importlib import resources"]
)
def test_what_does_not_act_is_allowed(plant, line):
    assert list(impurities(plant({"nodeops/core/a.py": line}))) == []
