"""How tests on hosts look for bytes of keys on a host: what is gone is no leak, what cannot be read no proof."""

import builtins
import errno
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from leaks_search import SEARCH

SECRET = b"a seed of thirty-two bytes, such!"


def search(top: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **names: Any) -> set[str]:
    """Run what runs on hosts, here, below a folder; return the names of the files that hold the secret."""
    said = {"secrets": [SECRET.hex()], "homes": [str(top / "home")], "top": str(top)}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(said)))
    exec(SEARCH, {"__builtins__": {**vars(builtins), **names}})
    return {Path(line).name for line in capsys.readouterr().out.split()}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    for name, content in {"home/key": SECRET, "leak": b"x" * 100 + SECRET, "clean": b"x", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link").symlink_to("leak")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_what_holds_a_secret_is_found_elsewhere_than_at_home(
    top: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(top, monkeypatch, capsys) == {"leak"}


@pytest.mark.parametrize(
    ("number", "fails"),
    [(errno.ENOENT, False), (errno.ESRCH, False), (errno.EACCES, True), (errno.EIO, True), (errno.EINVAL, True)],
)
def test_what_cannot_be_opened_fails_but_for_what_is_gone(
    top: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, fails: bool
) -> None:
    def opened(path: str, mode: str) -> Any:
        if Path(path).name == "clean":
            raise OSError(number, os.strerror(number), path)
        return open(path, mode)  # noqa: PTH123 - as the program does

    if not fails:
        assert search(top, monkeypatch, capsys, open=opened) == {"leak"}
        return
    with pytest.raises(SystemExit, match=rf"1 could not be read: .*clean: {os.strerror(number)}"):
        search(top, monkeypatch, capsys, open=opened)


def test_the_name_of_a_namespace_holds_no_bytes_and_a_file_that_breaks_off_may(
    top: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(path: str, mode: str) -> Any:
        return open("/proc/self/ns/net" if Path(path).name in names else path, mode)  # noqa: PTH123 - as the program does

    names = {"empty"}
    assert search(top, monkeypatch, capsys, open=opened) == {"leak"}
    with pytest.raises(SystemExit, match="1 could not be read"):
        names.clear()
        search(top, monkeypatch, capsys, open=lambda path, mode: _Broken(path, mode))


class _Broken(io.FileIO):
    """A file of a disk that is ill in its middle."""

    def read(self, size: int = -1) -> bytes:
        if self.tell() and str(self.name).endswith("clean"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(min(size, 64)) or b""
