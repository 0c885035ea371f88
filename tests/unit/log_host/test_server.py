"""A real log host on loopback: whose lines it takes, under whose name, and what others can do to it."""

import contextlib
import ssl

import pytest

from nodeops.log_host.server import MOST_OF_A_NODE
from tests.unit.exporter.served import ADDRESS, context, until
from tests.unit.log_host.served import framed, served


def gone(link):
    """Tell whether the other side ended a connection that it has nothing to say on."""
    try:
        return link.recv(1) == b""
    except OSError as error:
        return not isinstance(error, TimeoutError)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with served(tmp_path_factory.mktemp("log_host")) as found:
        yield found


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
    with running.silent() as plain, pytest.raises(OSError, match=r"."):
        made.wrap_socket(plain, server_hostname=ADDRESS)


def test_who_says_nothing_is_cut_off_and_nonsense_ends_its_connection_alone(running):
    with running.silent() as silent:
        assert gone(silent)
    with running.connect(running.one) as bad, running.connect(running.two) as good:
        bad.sendall(framed(b"the last good one") + b"GET / HTTP/1.1\r\n\r\n")
        assert gone(bad)
        good.sendall(framed(b"goes on"))
        until(lambda: "goes on" in running.said("a-2"))
    assert "the last good one" not in running.said("a-2")


def test_connections_that_died_unseen_make_room(running):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(running.connect(running.one)) for _ in range(MOST_OF_A_NODE + 1)]
        assert gone(opened[0])
        opened[-1].sendall(framed(b"from the newest"))
        until(lambda: "from the newest" in running.said("a-1"))
