"""One story for all tests, in their order. At its end stands what each took, and the longest gap between blocks meanwhile."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import gaps
import hosts
import pytest
from chapters import FOUNDERS, NEWCOMERS, Story, before_the_newcomers
from members import Controller, founding

_TOLD: list[str] = []


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("controllers")
    tree = before_the_newcomers(founding(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    return Story({name: Controller(folder, name, tree) for name in tree["organisations"]}, told=_TOLD)


@pytest.fixture(autouse=True)
def _chapter(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note how long a test took, and the longest gap between blocks meanwhile, by a node that was there all the time."""
    began, first = time.monotonic(), _height()
    yield
    said = gaps.gap(_witness(), first) if first and _height() > first + 1 else "no chain yet"
    _TOLD.append(f"{time.monotonic() - began:5.0f} s  {request.node.name}: {said}")


def _witness() -> str:
    return next((node for node in (*NEWCOMERS, *FOUNDERS) if hosts.run(node, "systemctl is-active ledger.service").code == 0), "")


def _height() -> int:
    witness = _witness()
    return int(hosts.verb(witness, "ledger", "status", codes=(0, 1, 3)).get("height") or 0) if witness else 0


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """End the story with the first test that fails: what comes after it rests on it."""
    if call.excinfo is not None:
        item.session.shouldfail = f"the story ends with {item.name}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each chapter took."""
    for line in _TOLD:
        terminalreporter.write_line(line)
