"""What every unit test gets: a host of its own to hold, so that no test holds, or waits for, the machine it runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeops.host import lock


@pytest.fixture(autouse=True)
def own_host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of all states of the host that verbs of this test change."""
    state = tmp_path_factory.mktemp("state")
    monkeypatch.setattr(lock, "host_paths", lambda: {"state": str(state)})
    yield state
