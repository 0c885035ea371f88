"""Molecule scenarios with a network of their own, which may run beside all others. Their budgets are in test_scenarios.py."""

import pytest

from tests.lab.test_scenarios import BUDGETS, FULL_BUDGETS, MOST_SECONDS, judge, rows


@pytest.mark.timeout(MOST_SECONDS + 100)
@pytest.mark.parametrize("name", rows(BUDGETS, together=False))
def test_scenario(name):
    judge(name, full=False)


@pytest.mark.long
@pytest.mark.timeout(MOST_SECONDS + 100)
@pytest.mark.parametrize("name", rows(FULL_BUDGETS, together=False))
def test_scenario_in_full(name):
    judge(name, full=True)
