"""What every unit test gets: a host of its own to hold, so that no test holds, or waits for, the machine it runs on; and a look
at whether it wrote there all the same, where another test would find it.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from nodeops.host import lock

_NUMBERS = count()


@pytest.fixture(scope="session")
def _hosts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(autouse=True)
def own_host(_hosts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of all states of the host that verbs of this test change."""
    state = _hosts / str(next(_NUMBERS))
    state.mkdir()
    monkeypatch.setattr(lock, "host_paths", lambda: {"state": str(state)})
    yield state


# Where a host's agent keeps its own. A machine that runs one cannot be judged: it writes there itself.
OF_A_HOST = [Path(path) for path in ("/etc/nodeops", "/run/nodeops", "/var/lib/nodeops", "/var/lib/ledger", "/var/log/ledger")]
WITH_AN_AGENT = Path("/etc/nodeops/node.json").exists()


def written() -> list[int | None]:
    """Return when something was made or taken away in each of them; None where it is not there."""
    return [path.stat().st_mtime_ns if path.exists() else None for path in OF_A_HOST]


@pytest.fixture(autouse=True)
def this_machine_is_left_alone() -> Iterator[None]:
    """Fail a test, or another that ran at that moment, when something appeared where a host's agent keeps its own."""
    before = written()
    yield
    assert WITH_AN_AGENT or written() == before, f"written on this machine, in one of {[str(one) for one in OF_A_HOST]}"


@pytest.fixture
def brief_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chain that stands be watched for a moment only: seconds of it show nothing more."""
    monkeypatch.setattr("nodeops.ledger.node.wait._MOST_WATCH_SECONDS", 0.3)
