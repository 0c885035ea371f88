"""What was measured stands at the end of a run."""

import pytest

_TOLD: list[str] = []


@pytest.fixture(scope="session")
def told() -> list[str]:
    """Return the lines that are said at the end."""
    return _TOLD


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was measured."""
    for line in _TOLD:
        terminalreporter.write_line(line)
