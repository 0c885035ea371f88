"""Every molecule scenario, from nothing: check mode on fresh hosts, converge, a second run without change, verify."""

import pytest

from tests.contract.rules.tree import ROOT
from tests.lab.conftest import command

SCENARIOS = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
SCENARIO_SECONDS = 3000


def test_there_are_scenarios():
    assert SCENARIOS


@pytest.mark.timeout(SCENARIO_SECONDS + 100)
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    done = command("molecule", "test", "--scenario-name", name, seconds=SCENARIO_SECONDS)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-12000:]
