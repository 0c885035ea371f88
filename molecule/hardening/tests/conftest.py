"""The order of this scenario, what an audit says, a log host, and hosts that are hardened whatever the tests before left."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
import remote
from log_host import LogHost

from nodeops.core.finding import Verdict
from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control, catalogue

GOOD = (Verdict.PASS, Verdict.WAIVED, Verdict.NOT_APPLICABLE, Verdict.NOT_TESTABLE_HERE)
# Measured with a log host; taken back and hardened again, packages and all, once; then used and broken; at last booted.
_FIRST, _LAST = ("test_log_host", "test_witnesses", "test_undo", "test_blocks"), ("test_when_booted",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files into the order of the story."""
    items.sort(key=lambda item: _place(item.path.stem))


def _place(file: str) -> int:
    return _FIRST.index(file) - len(_FIRST) if file in _FIRST else int(file in _LAST)


def packages(control: Control, state: str = "present") -> list[str]:
    """Return the packages that a control wants on a host, or off it."""
    return [one.name for one in control.sets if isinstance(one, settings.Package) and one.state == state]


# Controls that bring no package: they are taken back and applied in seconds, by the same engine.
LIGHT = sorted(control.id for control in catalogue().values() if not packages(control))


def verdicts(node: str, *controls: str) -> dict[str, str]:
    """Return the verdict of each control of an audit."""
    answer = remote.verb(node, "hardening", "audit", *controls, codes=(0, 1))
    return {finding["id"]: finding["verdict"] for finding in answer["findings"]}


def failing(node: str, *controls: str) -> list[str]:
    """Return what fails in an audit, one line each."""
    answer = remote.verb(node, "hardening", "audit", *controls, codes=(0, 1))
    return [f"{one['id']}: {one['actual']}, expected {one['expected']}" for one in answer["findings"] if one["verdict"] == "fail"]


def assert_nothing(found: Mapping[str, Sequence[str]]) -> None:
    """Fail with every line that was found on any host."""
    lines = [f"{node}: {line}" for node, each in found.items() for line in each]
    assert not lines, "\n".join(lines[:100])


@pytest.fixture(scope="session")
def log_host() -> Iterator[LogHost]:
    """Give a log host that all hosts send their logs to; what undoes everything (test_undo.py) takes the choice back."""
    with LogHost() as found:
        remote.at_once(found.apply, remote.NODES)
        yield found


@pytest.fixture(scope="module")
def hardened() -> Iterator[None]:
    """Leave the hosts as they were found, whatever a test of the module did: hardened, with nothing on trial."""
    yield
    remote.at_once(lambda node: remote.run(node, "nodeops hardening rollback"), remote.NODES)
    remote.at_once(remote.apply, remote.NODES)
