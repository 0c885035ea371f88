"""Every molecule scenario. The first one begins from nothing and saves its hosts; others begin with what it saved."""

import pytest

from tests.contract.rules.tree import ROOT
from tests.lab.conftest import command

FIRST = "ledger"
FOUND = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
SCENARIOS = sorted(FOUND, key=lambda name: name != FIRST)
SCENARIO_SECONDS = 3000


def test_there_are_scenarios():
    assert SCENARIOS[0] == FIRST


@pytest.mark.timeout(SCENARIO_SECONDS + 100)
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    done = command("molecule", "test", "--scenario-name", name, seconds=SCENARIO_SECONDS)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-12000:]
