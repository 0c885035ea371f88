"""What every unit test gets: a host of its own to hold, so that no test holds, or waits for, the machine it runs on."""

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
