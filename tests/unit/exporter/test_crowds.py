"""The exporter among clients that are silent, slow or too many: the right monitor is served, and the host has peace."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time

import pytest

from nodeops.core.guests import MOST_EACH
from nodeops.exporter.host_metrics import COLLECTOR as HOST
from tests.crowd import SOURCES, descriptors, gone
from tests.unit.exporter.served import ADDRESS, WAIT, context, served, until

# A monitor is served within it on a busy machine too; some tests wait for it to pass.
SHORT = 2.0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    with served(tmp_path_factory.mktemp("impatient"), HOST, idle_seconds=SHORT) as found:
        yield found


def test_silent_clients_keep_nobody_waiting_and_are_cut_off(impatient):
    silent = [impatient.connect() for _ in range(MOST_EACH // 2)]
    assert impatient.ask()[0] == 200
    until(lambda: all(gone(one) for one in silent))


def test_a_slow_request_keeps_nobody_waiting_and_is_cut_off(impatient):
    slow = context(impatient.server, impatient.monitor).wrap_socket(impatient.connect(), server_hostname=ADDRESS)
    slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
    assert impatient.ask()[0] == 200

    def dripped():
        try:
            slow.sendall(b"X-a: b\r\n")
        except OSError:
            return True
        return gone(slow)

    until(dripped)


def answered(server):
    try:
        return server.ask()[0] == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize(("source", "most"), SOURCES.values(), ids=SOURCES)
def test_five_thousand_idle_connections_are_not_let_in_and_keep_nobody_waiting(impatient, source, most):
    with descriptors(12_000), contextlib.ExitStack() as closed:
        idle = [closed.enter_context(impatient.connect(source(number))) for number in range(5_000)]
        if most == MOST_EACH:
            # Others' places are left free: the monitor is served while they wait.
            assert impatient.ask()[0] == 200
        assert sum(not gone(one) for one in idle[-1_000:]) <= most
        # On a machine that is busy a monitor may itself be too slow for this impatient server: then it asks again.
        until(lambda: answered(impatient))
        until(lambda: all(gone(one) for one in idle))
        assert impatient.ask()[0] == 200


WITHOUT_DESCRIPTORS = """
import resource, sys
from pathlib import Path
from tests.unit.exporter.served import served

with served(Path(sys.argv[1])) as found:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    print(found.place.port, flush=True)
    sys.stdin.read()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_utime, flush=True)
"""


def test_a_host_without_free_descriptors_fills_no_journal(tmp_path):
    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(tmp_path)]
    with (tmp_path / "journal").open("wb") as journal:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=journal, text=True)
    with process, contextlib.ExitStack() as closed:
        port = int(process.stdout.readline())
        for number in range(60):
            closed.enter_context(
                socket.create_connection((ADDRESS, port), timeout=WAIT, source_address=(f"127.1.0.{number + 1}", 0))
            )
        time.sleep(3)
        said = process.communicate("", timeout=WAIT)[0]
    lines = (tmp_path / "journal").read_text().splitlines()
    assert len(lines) == 1
    assert "Too many open files" in lines[0]
    # Three seconds of asking without a pause would take as much.
    assert float(said) < 2.5
