"""How tests on hosts look for bytes of keys on the controller: what is gone is no leak, what cannot be read no proof."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import leaks_here
import pytest

SECRET = b"a seed of thirty-two bytes, such!"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the controller's temporary folder, with a file of each kind."""
    for name in ("tmp", "home/.ansible"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("leak", "old", "gone"):
        (tmp_path / "tmp" / name).write_bytes(b"x" + SECRET)
    (tmp_path / "tmp/clean").write_bytes(b"x")
    (tmp_path / "tmp/link").symlink_to("leak")
    (tmp_path / "home/.ansible/log").write_bytes(SECRET)
    os.utime(tmp_path / "tmp/old", (1.0, 1.0))
    return tmp_path / "tmp"


def found(since: float = 1000.0) -> set[str]:
    return {Path(one).name for one in leaks_here.left_here([SECRET], since)}


def test_what_was_written_since_and_holds_a_secret_is_found(folder: Path) -> None:
    assert found() == {"leak", "gone", "log"}
    assert found(time.time() + 60) == set()


@pytest.mark.parametrize("call", ["lstat", "read_bytes"])
@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_only_a_file_that_is_gone_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: type[OSError]
) -> None:
    real: Callable[[Path], object] = getattr(Path, call)

    def at_once(file: Path) -> object:
        """Between the listing and the look at it."""
        if file.name == "gone" and error is FileNotFoundError:
            file.unlink(missing_ok=True)
        elif file.name == "gone":
            raise error(13, "not for you")
        return real(file)

    monkeypatch.setattr(Path, call, at_once)
    if error is FileNotFoundError:
        assert found() == {"leak", "log"}
    else:
        with pytest.raises(error):
            found()
