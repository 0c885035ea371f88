"""Imports go down, never sideways, never in circles."""

import pytest

from tests.contract.rules import floors
from tests.contract.rules.tree import ROOT, assert_kept

RULES = [floors.upward_imports, floors.relative_imports, floors.cycles, floors.hidden_imports]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule):
    assert_kept(rule)


def test_the_house_is_seen():
    assert {"nodeops.cli", "nodeops.core.errors", "nodeops.document"} <= set(floors.modules(ROOT))
    assert "nodeops.core.errors" in floors.graph(ROOT)["nodeops.console"]


UPWARD = {
    "core to console": (
        "core/a.py",
        "from nodeops.console import b",
        "nodeops.core.a (floor 0) imports nodeops.console (floor 2)",
    ),
    "document to host": (
        "document/a.py",
        "import nodeops.host.b",
        "nodeops.document.a (floor 3) imports nodeops.host.b (floor 4)",
    ),
    "module of a package": (
        "document/a.py",
        "from nodeops.host import b",
        "nodeops.document.a (floor 3) imports nodeops.host.b (floor 4)",
    ),
    "ledger to capability": (
        "ledger/a.py",
        "from nodeops.agent.b import c",
        "nodeops.ledger.a (floor 5) imports nodeops.agent.b (floor 8)",
    ),
    "between capabilities": (
        "mesh/a.py",
        "from nodeops.agent.b import c",
        "nodeops.mesh.a (floor 8) imports nodeops.agent.b (floor 8)",
    ),
    "fleet to lab": ("fleet/a.py", "from nodeops.lab.b import c", "nodeops.fleet.a (floor 9) imports nodeops.lab.b (floor 9)"),
    "in a function": (
        "core/a.py",
        "def f():\n    import nodeops.host.b",
        "nodeops.core.a (floor 0) imports nodeops.host.b (floor 4)",
    ),
    "lab to cli": ("lab/a.py", "from nodeops.cli import main", "nodeops.lab.a (floor 9) imports nodeops.cli (floor 10)"),
}


@pytest.mark.parametrize(("file", "text", "breach"), UPWARD.values(), ids=UPWARD)
def test_upward_imports_are_found(plant, file, text, breach):
    targets = {
        f"nodeops/{name}": "" for name in ("console.py", "cli.py", "host/b.py", "host/__init__.py", "agent/b.py", "lab/b.py")
    }
    root = plant({**targets, f"nodeops/{file}": text})
    assert list(floors.upward_imports(root)) == [breach]


def test_downward_imports_are_allowed(plant):
    files = {
        "core/a.py": "",
        "host/b.py": "import nodeops.core.a",
        "lab/c.py": "from nodeops.host import b\nfrom nodeops import __version__",
    }
    root = plant({"nodeops/__init__.py": "__version__ = '1'", **{f"nodeops/{name}": text for name, text in files.items()}})
    assert list(floors.upward_imports(root)) == []


def test_relative_imports_are_found(plant):
    root = plant({"nodeops/core/a.py": "from . import b\nfrom .b import c"})
    assert len(list(floors.relative_imports(root))) == 2


@pytest.mark.parametrize("back", ["import nodeops.core.a", "def f():\n    from nodeops.core import a  # start-up"])
def test_cycles_are_found_even_through_functions(plant, back):
    root = plant({"nodeops/core/a.py": "from nodeops.core import b", "nodeops/core/b.py": back})
    assert len(list(floors.cycles(root))) == 1


HIDDEN = {
    "no reason": ("def f():\n    import json", 1),
    "no reason in a method": ("class A:\n    def f(self):\n        from json import loads", 1),
    "another reason": ("def f():\n    import json  # circular", 1),
    "start-up on the line": ("def f():\n    import json  # start-up: only this verb needs it", 0),
    "start-up on the line above": ("def f():\n    # start-up: only this verb needs it\n    import json", 0),
    "at the top": ("import json", 0),
}


@pytest.mark.parametrize(("text", "breaches"), HIDDEN.values(), ids=HIDDEN)
def test_hidden_imports_are_found(plant, text, breaches):
    assert len(list(floors.hidden_imports(plant({"nodeops/core/a.py": text})))) == breaches
