"""Every molecule scenario. The first one begins from nothing and saves its hosts; others begin with what it saved."""

import pytest

from tests.contract.rules.tree import ROOT
from tests.lab.conftest import command

# The first makes the hosts that the others load.
FIRST = "ledger"
FOUND = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
# What each may take, in seconds: four minutes at most. The table at the end of a run says what it took.
BUDGETS = {FIRST: 240, "disk": 240, "firewall": 240, "hardening": 240, "monitoring": 240, "restart": 240}
# Those with more to do in `make test-long`: every release, every moment of a kill, floods of minutes.
FULL_BUDGETS = {"disk": 1500, "hardening": 1500}
MOST_SECONDS = 3000


def test_every_scenario_states_its_budget():
    assert set(BUDGETS) == FOUND
    assert max(BUDGETS.values()) <= 240
    assert next(iter(BUDGETS)) == FIRST


@pytest.mark.timeout(MOST_SECONDS + 100)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.budget(most)) for name, most in BUDGETS.items()])
def test_scenario(name):
    judge(name, full=False)


@pytest.mark.long
@pytest.mark.timeout(MOST_SECONDS + 100)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.budget(most)) for name, most in FULL_BUDGETS.items()])
def test_scenario_in_full(name):
    judge(name, full=True)


def judge(name: str, full: bool) -> None:
    done = command("molecule", "test", "--scenario-name", name, seconds=MOST_SECONDS, NODEOPS_FULL=str(int(full)))
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-12000:]
