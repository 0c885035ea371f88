"""One writer at a time, across processes, and never a lock that outlives its holder."""

import subprocess
import sys

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.host.lock import held

HOLD = """
import sys
from pathlib import Path
from nodeops.host.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Return another process that holds the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with process:
        yield process
        process.kill()


def test_a_second_holder_is_refused(tmp_path, other):
    with pytest.raises(Refused, match="another nodeops is at work here"), held(tmp_path):
        pytest.fail("two holders")


def test_a_killed_holder_frees_the_folder(tmp_path, other):
    other.kill()
    other.wait()
    with held(tmp_path):
        pass


def test_the_folder_is_free_afterwards(tmp_path):
    for _ in range(2):
        with held(tmp_path):
            pass


@pytest.mark.parametrize("error", [ValueError("x"), BlockingIOError("x")])
def test_an_error_inside_is_itself_and_frees_the_folder(tmp_path, error):
    with pytest.raises(type(error), match="x"), held(tmp_path):
        raise error
    with held(tmp_path):
        pass


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(HostError, match="gone: cannot be opened: No such file"), held(tmp_path / "gone"):
        pytest.fail("held nothing")
