"""What the ledger's own connections carried: from a real kernel, where packets are lost on purpose, and counted look by look."""

import os
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest

from nodeops.core.finding import Verdict
from nodeops.mesh import tcp
from nodeops.mesh.carried import Carriage, Connection, between
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


@needs_nft
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_what_the_kernel_counts_is_what_was_lost(family: int, host: str) -> None:
    def work() -> None:
        both = family == socket.AF_INET6
        listening = socket.create_server((host, PORT), family=family, dualstack_ipv6=both)
        with listening, socket.create_connection(("127.0.0.1", PORT)) as one:
            other, _ = listening.accept()
            subprocess.run(["ip", "link", "set", "lo", "mtu", "1400"], check=True)
            # Whoever sees what it sends dropped gets it again: the counter of the rule is the number of retransmits.
            rule(f"tcp dport {PORT} meta length > 60 numgen inc mod 3 == 1 counter name gone drop;")
            for _ in range(8):
                one.send(b"x" * 100)
                time.sleep(0.05)
            until(lambda: len(other.recv(2000, socket.MSG_PEEK)) == 800)
            found = between(tcp.established(), PORT, ["127.0.0.1"])
            (sent,) = [end for end in found if end.remote_port == PORT]
            assert len(found) == 2
            # A kernel may repeat one more than was lost: a probe of the tail, where it does not know.
            assert 0 < gone() <= sent.retransmitted <= sent.segments - 1
            assert 1400 <= sent.mtu <= 65536
            other.close()

    alone(work)


def test_connections_that_come_and_go_are_counted_once() -> None:
    carriage = Carriage()
    assert carriage.view() is None
    carriage.looked(0.0, [connection(1, 500, 50)])
    assert carriage.view() == Carried(
        connections=1, mtu=1500, segments=0, retransmitted=0, recent_segments=0, recent_retransmitted=0
    )
    carriage.looked(5.0, [connection(1, 520, 51), connection(2, 7, 1, mtu=1400)])
    carriage.looked(10.0, [connection(3, 4)])
    assert carriage.view() == Carried(
        connections=1, mtu=1500, segments=31, retransmitted=2, recent_segments=31, recent_retransmitted=2
    )
    carriage.looked(66.0, [])
    view = carriage.view()
    assert view is not None
    assert (view.connections, view.mtu, view.segments, view.recent_segments) == (0, None, 31, 0)


def test_a_cookie_that_counts_less_than_before_is_no_negative_count() -> None:
    carriage = Carriage()
    carriage.looked(0.0, [connection(1, 500)])
    carriage.looked(5.0, [connection(1, 3)])
    assert carriage.segments == 0


def test_only_the_ledgers_port_and_the_peer_count() -> None:
    found = [
        Connection(1, PORT, 40000, "10.0.0.2", 1500, 1, 0),
        Connection(2, 40001, PORT, "10.0.0.2", 1500, 1, 0),
        Connection(3, 40002, 22, "10.0.0.2", 1500, 1, 0),
        Connection(4, PORT, 40000, "10.0.0.3", 1500, 1, 0),
    ]
    assert [one.cookie for one in between(found, PORT, ["10.0.0.2"])] == [1, 2]


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
