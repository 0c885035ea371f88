"""Commands of the machine: their output, their failures, and nothing left behind."""

import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, Timeout
from nodeops.host.command import run


def test_output_is_bytes():
    done = run(["printf", r"\377a"], timeout_seconds=10)
    assert (done.stdout, done.stderr, done.returncode) == (b"\xffa", b"", 0)


def test_no_shell_is_involved():
    assert run(["printf", "%s|", "$HOME", "a;b", "*"], timeout_seconds=10).stdout == b"$HOME|a;b|*|"


def test_stdin_is_given_or_empty():
    assert run(["cat"], timeout_seconds=10, stdin=b"abc").stdout == b"abc"
    assert run(["cat"], timeout_seconds=10).stdout == b""


def test_a_lot_of_input_and_output_does_not_block():
    much = b"x" * 3_000_000
    assert run(["cat"], timeout_seconds=60, stdin=much).stdout == much


def test_folder_and_environment(tmp_path):
    done = run(["/bin/sh", "-c", "pwd; env"], timeout_seconds=10, cwd=tmp_path, environment={"A": "1"})
    lines = done.stdout.decode().splitlines()
    assert lines[0] == str(tmp_path)
    assert "A=1" in lines
    assert not any(line.startswith("HOME=") for line in lines)


def test_a_path_is_a_word():
    assert run([Path("/bin/echo"), Path("/x")], timeout_seconds=10).stdout == b"/x\n"


def test_a_missing_command_says_what_to_install():
    with pytest.raises(HostError) as raised:
        run(["no-such-command"], timeout_seconds=10)
    assert str(raised.value) == "no-such-command: is not installed\n  do: install no-such-command, or add it to PATH"


def test_a_missing_folder_is_not_a_missing_command(tmp_path):
    with pytest.raises(HostError, match=r"true: cannot run in .*/gone: No such file"):
        run(["true"], timeout_seconds=10, cwd=tmp_path / "gone")


@pytest.mark.parametrize(("mode", "said"), [(0o644, "may not be run by this user"), (0o755, "Exec format error")])
def test_a_file_that_is_not_a_program(tmp_path, mode, said):
    file = tmp_path / "program"
    file.write_bytes(b"\x00\x01")
    file.chmod(mode)
    with pytest.raises(HostError, match=said):
        run([file], timeout_seconds=10)


FAILURES = {
    "stderr": ("echo out; echo err >&2; exit 3", "left with code 3: err"),
    "stdout when stderr is silent": ("echo out; exit 3", "left with code 3: out"),
    "silence": ("exit 3", "left with code 3: nothing was said"),
    "a signal": ("kill -TERM $$", "left with code -15: nothing was said"),
    "not text": (r"printf '\377' >&2; exit 1", "left with code 1: \ufffd"),
}


@pytest.mark.parametrize(("script", "said"), FAILURES.values(), ids=FAILURES)
def test_a_failure_says_what_the_command_said(script, said):
    with pytest.raises(HostError) as raised:
        run(["/bin/sh", "-c", script], timeout_seconds=10)
    assert raised.value.what == said


def test_only_the_end_of_a_long_story_is_told():
    with pytest.raises(HostError) as raised:
        run(["/bin/sh", "-c", "seq 1 100000 >&2; exit 1"], timeout_seconds=30)
    assert raised.value.what.endswith("100000")
    assert len(raised.value.what) < 2100


def test_codes_can_be_allowed():
    assert run(["/bin/sh", "-c", "exit 3"], timeout_seconds=10, allowed_codes=(0, 3)).returncode == 3


def test_a_timeout_kills_the_command_and_what_it_started(tmp_path, monkeypatch):
    fifo = tmp_path / "pids"
    os.mkfifo(fifo)
    pids, communicate = [], subprocess.Popen.communicate

    def once_all_are_started(*arguments):
        pids.extend(map(int, fifo.read_text(encoding="ascii").split()))
        return communicate(*arguments)

    monkeypatch.setattr(subprocess.Popen, "communicate", once_all_are_started)
    with pytest.raises(Timeout) as raised:
        run(["/bin/sh", "-c", f"sleep 1000 & echo $$ $! > {fifo}; wait"], timeout_seconds=0.1)
    assert str(raised.value) == "/bin/sh: did not finish within 0.1 s"
    assert len(pids) == 2
    for pid in pids:
        assert_ends(pid)


def assert_ends(pid: int) -> None:
    """Wait, without a clock, until a killed process is gone or a zombie."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([handle], [], [], 30)
        assert ready, f"process {pid} outlived its timeout"
    finally:
        os.close(handle)


@pytest.fixture
def interruptible():
    """Take Ctrl-C as Python does by default, also where who runs the tests ignores it (a background job)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_kills_the_command(tmp_path):
    pid = tmp_path / "pid"
    script = f"read go; echo $$ > {pid}; kill -INT {os.getpid()}; exec sleep 1000"
    with pytest.raises(KeyboardInterrupt):
        # It reads first: what it is told comes once we are waiting for it.
        run(["/bin/sh", "-c", script], timeout_seconds=60, stdin=b"go\n")
    assert_ends(int(pid.read_text(encoding="ascii")))
