"""One writer at a time, across processes, and never a lock that outlives its holder."""

import subprocess
import sys
import threading

import pytest

from nodeops.core.errors import HostError, Refused
from nodeops.host.lock import held, waited
from nodeops.host.trial import turn

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


def test_whoever_holds_a_folder_is_waited_for_and_not_for_ever(tmp_path):
    held_by = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert held_by.stdin is not None
    assert held_by.stdout is not None
    held_by.stdout.readline()
    with pytest.raises(Refused, match="another nodeops"), waited(tmp_path, 0.1):
        pass
    threading.Timer(0.3, held_by.stdin.close).start()
    with waited(tmp_path, 60):
        assert held_by.wait() == 0


def test_changes_of_two_capabilities_never_meet_on_a_host(tmp_path):
    for name in ("firewall", "hardening"):
        (tmp_path / name).mkdir()
    with turn("firewall", tmp_path / "firewall", 0), pytest.raises(Refused), turn("hardening", tmp_path / "hardening", 0):
        pass
    with turn("hardening", tmp_path / "hardening", 0):
        pass
