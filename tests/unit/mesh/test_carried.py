"""What the ledger's own connections carried: from a real kernel, where packets are lost on purpose, and counted look by look."""

import errno
import os
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.finding import Verdict
from nodeops.mesh import tcp
from nodeops.mesh.carried import Carriage, Connection, Growth, between, of_ledger
from nodeops.mesh.metrics import look
from nodeops.mesh.seen import Carried, Measured, Seen
from nodeops.mesh.view import COLUMNS, ledger_findings, paths_table
from nodeops.metrics.exposition import checked
from tests.unit.mesh.test_prober import alone, gone, needs_nft, rule, until

PORT = 26656


def connection(cookie: int, segments: int, retransmitted: int = 0, mtu: int = 1500) -> Connection:
    return Connection(cookie, PORT, 40000, "10.0.0.2", mtu, segments, retransmitted)


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")


def message(kind: int, body: bytes) -> bytes:
    """Return one message of the kernel's; include/uapi/linux/netlink.h."""
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


DONE, ERROR = 3, 2
FINE = message(DONE, struct.pack("=i", 0))


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        # No module tcp_diag: the dump ends at once, and its end says why.
        ([message(DONE, struct.pack("=i", -errno.ENOENT))], errno.ENOENT),
        ([message(20, b"\0" * 72), message(DONE, struct.pack("=i", -errno.EINTR))], errno.EINTR),
        ([message(ERROR, struct.pack("=i", -errno.EPERM) + b"\0" * 16)], errno.EPERM),
        # An acknowledgement was not asked for.
        ([message(ERROR, struct.pack("=i", 0))], errno.EPROTO),
        ([message(DONE, b"")], errno.EPROTO),
        ([message(20, b"\0" * 72)], errno.EPROTO),
        ([b""], errno.EPROTO),
    ],
    ids=["done: no module", "done: interrupted", "error", "error 0", "done without a word", "no end", "nothing"],
)
def test_a_list_that_is_not_whole_is_an_error_and_not_no_connection(pieces: list[bytes], said: int) -> None:
    with pytest.raises(OSError) as raised:
        list(tcp.answered(pieces))
    assert raised.value.errno == said and raised.value.strerror


def test_a_list_that_is_whole_may_be_empty() -> None:
    assert list(tcp.answered([FINE])) == list(tcp.answered([message(20, b"\0" * 72) + FINE])) == []


def send(one: socket.socket, other: socket.socket, count: int) -> None:
    """Send so many segments, each by itself, and see them come."""
    for _ in range(count):
        one.send(b"x" * 100)
        time.sleep(0.05)
    until(lambda: len(other.recv(4000, socket.MSG_PEEK)) == 100 * count)
    other.recv(4000)


def sent_by(one: socket.socket) -> Connection:
    """Return what the kernel says of this end."""
    (found,) = [end for end in of_ledger(tcp.established(), PORT) if end.local_port == one.getsockname()[1]]
    return found


@needs_nft
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_what_the_kernel_counts_is_what_was_lost(family: int, host: str) -> None:
    def work() -> None:
        both = family == socket.AF_INET6
        listening = socket.create_server((host, PORT), family=family, dualstack_ipv6=both)
        with listening, socket.create_connection(("127.0.0.1", PORT)) as one:
            # A segment for each piece, also where what was sent before is acknowledged late.
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            other, _ = listening.accept()
            subprocess.run(["ip", "link", "set", "lo", "mtu", "1400"], check=True)
            send(one, other, 8)
            before = sent_by(one)
            assert (before.segments, before.retransmitted) == (8, 0), "nothing was lost yet"
            # Whoever sees what it sends dropped gets it again: the counter of the rule is the number of retransmits.
            rule(f"tcp dport {PORT} meta length > 60 numgen inc mod 3 == 1 counter name gone drop;")
            send(one, other, 8)
            sent = sent_by(one)
            assert len(between(of_ledger(tcp.established(), PORT), ["127.0.0.1"])) == 2
            # A kernel may repeat more than was lost: a probe of the tail, where it does not know.
            assert 0 < gone() <= sent.retransmitted <= 2 * gone()
            assert sent.segments > before.segments + sent.retransmitted
            assert 1400 <= sent.mtu <= 65536
            other.close()

    alone(work)


@dataclass
class Looking:
    """What a prober's unit does at each look, for one peer; others are at other addresses."""

    carriage: Carriage = field(default_factory=Carriage)
    growth: Growth = field(default_factory=Growth)

    def at(self, now: float, *found: Connection, addresses: Sequence[str] = ("10.0.0.2",)) -> Carried:
        """Look, and return the view of the moment."""
        self.carriage.looked(now, between(found, addresses), self.growth.since(found))
        view = self.carriage.view(now)
        assert view is not None
        return view


def test_connections_that_come_and_go_are_counted_once() -> None:
    looking = Looking()
    assert looking.carriage.view(0.0) is None
    assert looking.at(0.0, connection(1, 500, 50)) == Carried(
        connections=1, mtu=1500, segments=0, retransmitted=0, recent_segments=0, recent_retransmitted=0
    )
    looking.at(5.0, connection(1, 520, 51), connection(2, 7, 1, mtu=1400))
    assert looking.at(10.0, connection(3, 4)) == Carried(
        connections=1, mtu=1500, segments=31, retransmitted=2, recent_segments=31, recent_retransmitted=2
    )
    view = looking.at(64.0)
    assert (view.connections, view.mtu, view.segments, view.recent_segments) == (0, None, 31, 4)
    # What a connection that ended had carried is of the last minute for a minute, and no longer.
    view = looking.at(71.0)
    assert (view.segments, view.retransmitted, view.recent_segments, view.recent_retransmitted) == (31, 2, 0, 0)


ONE, OTHER = "10.0.0.2", "10.0.0.22"
# Looks, five seconds apart: (cookie, segments, address) of each connection; then the segments counted after each.
COUNTED: dict[str, tuple[list[list[tuple[int, int, str]]], list[int]]] = {
    "one that goes on": ([[(1, 500, ONE)], [(1, 510, ONE)], [(1, 510, ONE)]], [0, 10, 10]),
    "two with one peer, each by itself": ([[(1, 5, ONE)], [(1, 6, ONE), (2, 30, ONE)], [(1, 8, ONE), (2, 31, ONE)]], [0, 31, 34]),
    "a new one": ([[], [(1, 7, ONE)], [(1, 9, ONE)]], [0, 7, 9]),
    "one that a look missed": ([[(1, 500, ONE)], [], [(1, 510, ONE)]], [0, 0, 10]),
    "a new one that a look missed": ([[], [(1, 7, ONE)], [], [], [(1, 9, ONE)]], [0, 7, 7, 7, 9]),
    "one that the kernel lists twice": ([[], [(1, 7, ONE), (1, 8, ONE)], [(1, 9, ONE)]], [0, 8, 9]),
    "one that ends, and another": ([[(1, 5, ONE)], [(2, 3, ONE)], [(2, 4, ONE)]], [0, 3, 4]),
    "a cookie that counts less than before": ([[(1, 500, ONE)], [(1, 3, ONE)], [(1, 5, ONE)]], [0, 0, 2]),
    "another peer's": ([[(1, 5, OTHER)], [(1, 9, OTHER)]], [0, 0]),
}


@pytest.mark.parametrize(("looks", "counted"), COUNTED.values(), ids=COUNTED)
def test_each_segment_is_counted_once(looks: list[list[tuple[int, int, str]]], counted: list[int]) -> None:
    looking = Looking()
    found = [[replace(connection(cookie, count), remote=remote) for cookie, count, remote in one] for one in looks]
    assert [looking.at(5.0 * number, *one).segments for number, one in enumerate(found)] == counted


def test_a_peers_new_address_brings_nothing_of_before_and_an_old_one_that_comes_back_nothing_twice() -> None:
    looking = Looking()
    counts = [(100, 900), (110, 910), (120, 920), (130, 930)]
    addresses = [(ONE,), (OTHER,), (OTHER,), (ONE,)]
    views = [
        looking.at(5.0 * number, connection(1, one), replace(connection(2, other), remote=OTHER), addresses=at)
        for number, ((one, other), at) in enumerate(zip(counts, addresses, strict=True))
    ]
    assert [view.segments for view in views] == [0, 10, 20, 30]


def test_what_was_seen_before_the_kernel_said_nothing_more_is_not_shown_as_of_now() -> None:
    looking = Looking()
    looking.at(0.0, connection(1, 500))
    looking.at(5.0, connection(1, 600, 50))
    assert looking.carriage.view(15.0) is not None
    assert looking.carriage.view(20.0) is None
    # It is there again: counted is what passed meanwhile, and none of it as of the last minute.
    view = looking.at(600.0, connection(1, 700, 50), connection(2, 10, 1))
    assert (view.segments, view.retransmitted, view.recent_segments, view.recent_retransmitted) == (210, 51, 0, 0)


@given(st.lists(st.dictionaries(st.integers(1, 4), st.integers(0, 30), max_size=4), min_size=1, max_size=20))
def test_whatever_is_seen_counters_only_rise_and_never_above_what_was_sent(grows: list[dict[int, int]]) -> None:
    looking, sent, seen_at = Looking(), dict.fromkeys(range(1, 5), 0), 0
    for number, grown in enumerate(grows):
        for cookie, more in grown.items():
            sent[cookie] += more
        view = looking.at(5.0 * number, *(connection(cookie, sent[cookie]) for cookie in grown))
        assert seen_at <= view.segments <= sum(sent.values())
        seen_at = view.segments


def test_only_the_ledgers_port_and_the_peer_count() -> None:
    found = [
        Connection(1, PORT, 40000, "10.0.0.2", 1500, 1, 0),
        Connection(2, 40001, PORT, "10.0.0.2", 1500, 1, 0),
        Connection(3, 40002, 22, "10.0.0.2", 1500, 1, 0),
        Connection(4, PORT, 40000, "10.0.0.3", 1500, 1, 0),
    ]
    assert [one.cookie for one in between(of_ledger(found, PORT), ["10.0.0.2"])] == [1, 2]


def seen(lost: int = 0, **ledgers: tuple[int, int, int] | None) -> Seen:
    return Seen.model_validate(
        {
            "uptime": time.clock_gettime(time.CLOCK_BOOTTIME),
            "tree": "t",
            "node": "a",
            "noise": measured(0, None),
            "paths": {name: measured(lost, one) for name, one in ledgers.items()},
            "without_certificate": ["z"],
            "strangers": 0,
            "forged": 0,
            "too_many": 0,
        }
    )


def measured(lost: int, ledger: tuple[int, int, int] | None) -> Measured:
    counts = {"sent": 60, "answered": 60 - lost, "lost": lost, "late": 0, "duplicate": 0, "unsent": 0, "recent": 60}
    times = {"rtt_median": 0.01, "rtt_p99": 0.01, "jitter": 0.0, "silent_seconds": 1.0}
    found = None
    if ledger is not None:
        connections, segments, again = ledger
        more = {"segments": segments, "retransmitted": again, "recent_segments": segments, "recent_retransmitted": again}
        found = Carried(connections=connections, mtu=1400 if connections else None, **more)
    return Measured(**counts, **times, recent_lost=lost, ledger=found)


@pytest.mark.parametrize(
    ("lost", "ledgers", "warned"),
    [
        (0, {"b": (1, 500, 0), "c": (1, 500, 5)}, []),
        (0, {"b": (1, 500, 50), "c": (1, 500, 0)}, ["b"]),
        # Too few to say anything; no more than a line that works.
        (0, {"b": (1, 40, 20), "c": (1, 2000, 30)}, []),
        # The ledger talks to others, and not to this one.
        (0, {"b": (0, 0, 0), "c": (1, 500, 0)}, ["b"]),
        # The ledger is down: another finding's business.
        (0, {"b": (0, 0, 0), "c": (0, 0, 0)}, []),
        # Probes say it already.
        (30, {"b": (1, 500, 50), "c": (1, 500, 50)}, []),
        # An older prober says nothing of connections.
        (0, {"b": None, "c": (1, 500, 0)}, []),
    ],
)
def test_what_probes_do_not_see_is_a_warning(
    lost: int, ledgers: dict[str, tuple[int, int, int] | None], warned: list[str]
) -> None:
    found = list(ledger_findings(seen(lost, **ledgers)))
    assert [one.id for one in found] == [f"mesh.ledger.a-{name}" for name in warned]
    assert {one.verdict for one in found} <= {Verdict.WARN}


def test_a_row_says_retransmits_and_mtu() -> None:
    rows = {row[0]: row[-2:] for row in paths_table(seen(b=(1, 500, 50), c=(0, 0, 0), d=None)).rows}
    assert rows == {"b": ("10.0 %", "1400"), "c": ("no connection", "-"), "d": ("-", "-"), "z": ("-", "-")}
    assert {len(row) for row in paths_table(seen(b=None)).rows} == {len(COLUMNS)}


def test_the_metrics_are_the_catalogues(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("nodeops.mesh.metrics.read", lambda _: seen(b=(1, 500, 50), c=(0, 0, 0)))

    node = SimpleNamespace(paths={"mesh_status": str(tmp_path)})
    names = {(one.name, one.labels.get("peer")): one.value for one in checked(look(node), "mesh")}
    assert names["mesh_ledger_retransmits_total", "b"] == 50
    assert names["mesh_path_mtu_bytes", "b"] == 1400
    assert ("mesh_path_mtu_bytes", "c") not in names
    assert names["mesh_ledger_connections", "c"] == 0
