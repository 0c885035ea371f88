"""What every test gets."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import skips, tiers, times

HANDLED = (signal.SIGTERM, signal.SIGHUP)
# How long an example takes says how busy the machine is.
settings.register_profile("no times", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no times")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the times, in the process that hears of every test."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(times.Times(every_test=config.option.markexpr == "long"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `make test-long` alone runs."""
    tiers.leave_out_long(config, items)
    times.note_budgets(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Judge skips."""
    report = yield
    skips.fail(report)
    return report


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """Undo the handlers that `nodeops.cli.main` sets in this process: a killed test run must end, not fail one test."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
