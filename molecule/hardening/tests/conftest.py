"""Every test starts on hosts that are hardened, whatever the test before left."""

from collections.abc import Iterator, Mapping, Sequence

import pytest
import remote

from nodeops.core.finding import Verdict

GOOD = (Verdict.PASS, Verdict.WAIVED, Verdict.NOT_APPLICABLE, Verdict.NOT_TESTABLE_HERE)


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


@pytest.fixture
def hardened() -> Iterator[None]:
    """Leave the hosts that tests break as they were found: hardened."""
    yield
    remote.at_once(lambda node: remote.run(node, "nodeops hardening rollback"), remote.BROKEN)
    remote.at_once(remote.apply, remote.BROKEN)
