"""A log host among connections that are silent or too many: a node that sends is heard, and the host has peace."""

import contextlib
import subprocess
import sys
import time

import pytest

from nodeops.core.guests import MOST_EACH
from tests.crowd import SOURCES, descriptors, gone
from tests.unit.exporter.served import ADDRESS, WAIT, until
from tests.unit.log_host.served import There, framed, served


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with served(tmp_path_factory.mktemp("log_host")) as found:
        yield found


def says(running, line, source=ADDRESS):
    """Let a node connect from an address and say a line; tell whether it was let in."""
    try:
        with running.connect(running.one, source) as link:
            link.sendall(framed(line.encode()))
            until(lambda: line in running.said("a-1"))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("source", "most"), SOURCES.values(), ids=SOURCES)
def test_two_thousand_silent_connections_are_not_let_in_and_who_sends_is_heard(running, source, most):
    with descriptors(6_000), running.connect(running.two) as early, contextlib.ExitStack() as closed:
        idle = [closed.enter_context(running.silent(source(number))) for number in range(2_000)]
        early.sendall(framed(f"was there before {most}".encode()))
        until(lambda: f"was there before {most}" in running.said("a-2"))
        if most == MOST_EACH:
            # Others' places are left free: a node that comes is let in while they wait.
            assert says(running, "comes in between")
        assert sum(not gone(one) for one in idle[-1_000:]) <= most
        until(lambda: says(running, f"comes after {most}"))
        until(lambda: all(gone(one) for one in idle))


def test_who_was_cut_off_left_or_spoke_no_tls_takes_no_place(running):
    with contextlib.ExitStack() as closed:
        idle = [closed.enter_context(running.silent("127.0.0.2")) for _ in range(MOST_EACH)]
        idle[0].sendall(b"no TLS")
        idle[1].close()
        until(lambda: gone(idle[0]) and all(gone(one) for one in idle[2:]))
    assert says(running, "in the place of those", "127.0.0.2")


WITHOUT_DESCRIPTORS = """
import resource, sys, time
from pathlib import Path
from tests.unit.log_host.served import served

with served(Path(sys.argv[1])) as found:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    print(found.port, flush=True)
    began = time.process_time()
    sys.stdin.readline()
    print(time.process_time() - began, flush=True)
    sys.stdin.read()
"""


def test_without_free_descriptors_it_takes_no_processor_and_lets_in_once_there_are(tmp_path):
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(tmp_path)]
    with (tmp_path / "journal").open("wb") as journal:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=journal, text=True)
    with process:
        there = There(tmp_path, int(process.stdout.readline()))
        with contextlib.ExitStack() as closed:
            for number in range(60):
                closed.enter_context(there.silent(f"127.1.0.{number + 1}"))
            time.sleep(3)
            process.stdin.write("\n")
            process.stdin.flush()
            # Three seconds of asking without a pause would take as much.
            assert float(process.stdout.readline()) < 1.5
        until(lambda: says(there, "comes late"))
        process.communicate("", timeout=WAIT)
    assert (tmp_path / "journal").read_text() == ""
