"""What every test gets."""

import gc
import re
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import skips, tiers, times

HANDLED = (signal.SIGTERM, signal.SIGHUP)
# How long an example takes says how busy the machine is.
settings.register_profile("no times", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no times")
settings.register_profile("check", settings(), max_examples=20)
_NUMBERS = count()
# Objects that were made and are still there when Python looks for garbage; by default 700, and a sixth of the time goes there.
_OBJECTS = 50_000
gc.set_threshold(_OBJECTS, 20, 100)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the times, in the process that hears of every test."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(times.Times(every_test=config.option.markexpr == "long"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `make test-long` alone runs."""
    tiers.leave_out_long(config, items)
    times.note_budgets(items)


def pytest_collection_finish() -> None:
    """Let no search for garbage, here and in forked processes, go through what stays to the end."""
    gc.freeze()


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


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tests")


@pytest.fixture
def stride(pytestconfig: pytest.Config) -> int:
    """Return by how many steps a test goes on that dies before each."""
    return tiers.stride(pytestconfig)


@pytest.fixture
def tmp_path(_folders: Path, request: pytest.FixtureRequest) -> Path:
    """Return an empty folder of this test alone, as pytest's own does, which looks at all those before it to find its number."""
    path = _folders / f"{re.sub(r'[^A-Za-z0-9_]', '_', request.node.name)[:30]}{next(_NUMBERS)}"
    path.mkdir(mode=0o700)
    return path
