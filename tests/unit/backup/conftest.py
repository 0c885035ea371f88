"""A repository of the real engine, made once: deriving its first key takes the engine a second or two each time."""

from pathlib import Path

import pytest

from nodeops.backup.restic import Restic
from tests.unit.backup.quick_key import make_quick
from tests.unit.backup.samples import SECRET


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository without a backup, to be copied; its password is SECRET."""
    at = tmp_path_factory.mktemp("empty") / "repository"
    Restic({"RESTIC_REPOSITORY": str(at), "RESTIC_PASSWORD": SECRET}).init()
    make_quick(at, SECRET)
    return at
