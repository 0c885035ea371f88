"""A real log host on loopback: whose lines it takes, under whose name, and what others can do to it."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time

import pytest

from nodeops.hardening.host.receiver import refusal
from nodeops.log_host.server import MOST_EACH, Place, serve
from nodeops.log_host.store import Bounds, Store
from tests.ports import free_ports
from tests.unit.exporter.served import ADDRESS, WAIT, context, identity

# Every client here makes its handshake within it, on a busy machine too; one test waits for it to pass.
SHORT = 3.0


class Running:
    """A log host, its nodes `a-1` and `a-2`, and a stranger."""

    def __init__(self, folder):
        self.folder = folder / "kept"
        self.folder.mkdir()
        self.own, self.one, self.two, self.stranger = (identity(folder, name) for name in ("logs", "a-1", "a-2", "a-9"))
        nodes = {name: each.certificate.read_text() for name, each in (("a-1", self.one), ("a-2", self.two))}
        self.place = Place(ADDRESS, free_ports(1)[0], self.own.key, self.own.certificate, nodes, handshake_seconds=SHORT)
        self.store = Store(self.folder, Bounds(3, 1 << 20, 0), time.time)

    def connect(self, client):
        plain = socket.create_connection((ADDRESS, self.place.port), timeout=WAIT)
        return context(self.own, client).wrap_socket(plain, server_hostname=ADDRESS)

    def said(self, name):
        return "".join(file.read_text() for file in sorted((self.folder / name).glob("*.log")))

    def refusal(self, client):
        return refusal(ADDRESS, self.place.port, "logs", str(self.own.certificate), str(client.certificate), str(client.key))


def framed(*messages):
    return b"".join(b"%d %s" % (len(one), one) for one in messages)


def until(look):
    end = time.monotonic() + WAIT
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(link):
    """Tell whether the other side ended a connection that it has nothing to say on."""
    try:
        return link.recv(1) == b""
    except OSError as error:
        return not isinstance(error, TimeoutError)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    found, ready, loop = Running(tmp_path_factory.mktemp("log_host")), threading.Event(), asyncio.new_event_loop()
    task = loop.create_task(serve(found.store, found.place, ready.set))

    def work():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(WAIT)
    yield found
    loop.call_soon_threadsafe(task.cancel)
    thread.join(WAIT)


def test_lines_are_filed_under_the_name_of_the_certificate(running):
    with running.connect(running.one) as one, running.connect(running.two) as two:
        one.sendall(framed(b"<13>1 - a-2 says it is a-2", b"second"))
        two.sendall(framed(b"from a-2"))
        until(lambda: "second" in running.said("a-1") and "from a-2" in running.said("a-2"))
    assert "says it is a-2" in running.said("a-1")
    assert "says it is a-2" not in running.said("a-2")


def test_a_node_that_asks_is_let_in_and_a_stranger_is_not(running):
    assert running.refusal(running.one) == ""
    assert "does not let in" in running.refusal(running.stranger)


def test_strangers_get_nothing_in(running):
    for client in (running.stranger, None):
        with contextlib.suppress(OSError), running.connect(client) as link:
            link.sendall(framed(b"from a stranger"))
            assert gone(link)
    assert sorted(folder.name for folder in running.folder.iterdir()) == ["a-1", "a-2"]
    assert not any("stranger" in running.said(name) for name in ("a-1", "a-2"))


def test_an_older_tls_is_refused(running):
    made = context(running.own, running.one)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection((ADDRESS, running.place.port), timeout=WAIT) as plain, pytest.raises(OSError, match=r"."):
        made.wrap_socket(plain, server_hostname=ADDRESS)


def test_who_says_nothing_is_cut_off_and_nonsense_ends_its_connection_alone(running):
    with socket.create_connection((ADDRESS, running.place.port), timeout=WAIT) as silent:
        assert gone(silent)
    with running.connect(running.one) as bad, running.connect(running.two) as good:
        bad.sendall(framed(b"the last good one") + b"GET / HTTP/1.1\r\n\r\n")
        assert gone(bad)
        good.sendall(framed(b"goes on"))
        until(lambda: "goes on" in running.said("a-2"))
    assert "the last good one" not in running.said("a-2")


def test_connections_that_died_unseen_make_room(running):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(running.connect(running.one)) for _ in range(MOST_EACH + 1)]
        assert gone(opened[0])
        opened[-1].sendall(framed(b"from the newest"))
        until(lambda: "from the newest" in running.said("a-1"))
