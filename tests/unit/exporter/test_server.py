"""The exporter as strangers, thieves and busy monitors meet it: whatever they do, the right monitor is served."""

import asyncio
import contextlib
import http.client
import re
import socket
import ssl
import stat
import threading
import time
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from nodeops.core.errors import HostError
from nodeops.exporter import askers, certificates
from nodeops.exporter.host_metrics import COLLECTOR as HOST
from nodeops.exporter.server import MOST_AT_ONCE, Exporter, Place, serve
from nodeops.metrics.collector import Collector, Sample
from nodeops.metrics.exposition import judged
from nodeops.metrics.local import asked
from tests.unit.exporter.served import ADDRESS, WAIT, context, identity, served, until
from tests.unit.firewall.samples import document


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with served(tmp_path_factory.mktemp("exporter"), HOST) as found:
        yield found


def refused(running, made):
    with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
        connection = http.client.HTTPSConnection(ADDRESS, running.place.port, context=made, timeout=WAIT)
        connection.request("GET", "/metrics")
        connection.getresponse()


def test_the_monitor_gets_the_metrics_and_learns_nothing_of_the_server(running):
    connection = running.connection()
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200
    assert "nodeops_memory_total_bytes" in text
    assert not [one for one in judged(text) if one.id.startswith("metrics.")]
    assert answer.getheader("Server") is None
    assert (answer.getheader("Content-Type") or "").startswith("text/plain; version=0.0.4")


def test_alive_and_ready(running):
    assert running.ask("/livez")[0] == 200
    until(lambda: running.ask("/readyz")[0] == 200)


def test_this_host_asks_over_a_socket_that_is_its_users_alone(running):
    assert "nodeops_memory_total_bytes" in asked(running.place.socket, "/metrics")[1]
    assert stat.S_IMODE(running.place.socket.stat().st_mode) == 0o600


def test_who_asked_last_is_known_by_its_certificate_and_this_host_does_not_count(tmp_path):
    line = re.compile(r'nodeops_exporter_asked_timestamp_seconds\{client="(\w+)"\} (\S+)')
    began = time.time()
    with served(tmp_path, HOST) as found:

        def last() -> float:
            ((name, at),) = line.findall(asked(found.place.socket, "/metrics")[1])
            assert name == "monitor"
            return float(at)

        # One that never asked, or died before this exporter began, is missed from then on.
        first = last()
        assert began <= first <= time.time()
        found.ask("/livez")
        assert last() == first, "only who reads the metrics watches"
        found.ask()
        assert first < last() <= time.time()


def test_each_monitor_that_is_let_in_is_expected():
    key, now = certificates.new_key(), datetime.now(UTC)
    bundle = b"".join(certificates.self_signed(name, "192.0.2.1", key, now) for name in ("mon-1", "mon-2"))
    assert certificates.names(bundle) == ["mon-1", "mon-2"]
    assert certificates.names(b"\n") == []
    expected = askers.Askers()
    expected.note({"subjectAltName": (("DNS", "mon-1"),)})
    (asked_at,) = (one.value for one in expected.look(document()))
    time.sleep(0.01)
    expected.expect(certificates.names(bundle))
    seen = {one.labels["client"]: one.value for one in expected.look(document())}
    assert seen["mon-1"] == asked_at < seen["mon-2"]


PAGES = ["/", "/metrics/", "/metrics/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/debug/pprof", "//metrics", "/static/x"]


@pytest.mark.parametrize("page", PAGES)
def test_there_are_no_other_pages(running, page):
    status, text = running.ask(page)
    assert (status, text) == (404, "404\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_there_are_no_other_methods(running, method):
    assert running.ask("/metrics", method)[0] == 405


def test_a_client_without_a_certificate_is_refused(running):
    refused(running, context(running.server, None))


def test_a_client_with_another_certificate_is_refused(running, tmp_path):
    refused(running, context(running.server, identity(tmp_path, "monitor")))


def test_a_certificate_that_the_monitor_signed_is_refused(running, tmp_path):
    """The monitor's certificate may sign nobody: a stolen one makes no others."""
    thief = identity(tmp_path, "thief")
    key = serialization.load_pem_private_key(running.monitor.key.read_bytes(), None)
    issuer = x509.load_pem_x509_certificate(running.monitor.certificate.read_bytes())
    own = x509.load_pem_x509_certificate(thief.certificate.read_bytes())
    forged = (
        x509.CertificateBuilder()
        .subject_name(own.subject)
        .issuer_name(issuer.subject)
        .public_key(own.public_key())
        .serial_number(1)
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    thief.certificate.write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    refused(running, context(running.server, thief))


def test_older_tls_is_refused(running):
    older = context(running.server, running.monitor)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    refused(running, older)


def test_plain_http_is_refused(running):
    with running.connect() as plain:
        plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"200" not in plain.recv(4096)


def test_without_a_monitor_nobody_is_let_in(tmp_path):
    with served(tmp_path, HOST, monitors=False) as found:
        refused(found, context(found.server, found.monitor))
        assert "nodeops_memory_total_bytes" in asked(found.place.socket, "/metrics")[1]


HUGE = {"header": {"X-A": "a" * (64 << 10)}, "headers": {f"X-{n}": "a" * 100 for n in range(200)}}


@pytest.mark.parametrize("headers", HUGE.values(), ids=HUGE)
def test_huge_headers_are_refused(running, headers):
    # Cut off is as good as refused.
    with contextlib.suppress(OSError, http.client.HTTPException):
        assert running.ask(**headers)[0] in (400, 431)
    assert running.ask()[0] == 200


def test_a_body_is_refused(running):
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = running.connection()
        connection.request("GET", "/metrics", body=b"x" * 4096)
        assert connection.getresponse().status != 200
    assert running.ask()[0] == 200


def test_more_scrapes_at_once_than_it_bears_are_refused_and_the_rest_is_served(tmp_path):
    goes_on = threading.Event()

    def slow(_):
        goes_on.wait(WAIT)
        yield Sample("document_info", 1, {"revision": "1", "digest": "d"})

    with served(tmp_path, Collector("agent", slow, 0, WAIT)) as found:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(found.ask()[0])) for _ in range(MOST_AT_ONCE + 3)]
        for thread in threads:
            thread.start()
        until(lambda: len(answers) == 3)
        assert found.ask("/livez")[0] == 200
        goes_on.set()
        for thread in threads:
            thread.join(WAIT)
        assert sorted(answers) == [200] * MOST_AT_ONCE + [503] * 3
        assert found.ask()[0] == 200


def test_a_collector_that_hangs_and_one_that_raises_leave_the_others(tmp_path):
    stop = threading.Event()

    def hangs(_):
        stop.wait(WAIT)
        return []

    def raises(_):
        raise RuntimeError("broken")

    with served(tmp_path, HOST, Collector("disk", hangs, 60, 0.2), Collector("units", raises, 60, 5)) as found:
        until(lambda: found.ask("/readyz")[0] == 200)
        text = found.ask()[1]
        stop.set()
    for name, value in (("host", 1.0), ("disk", 0.0), ("units", 0.0)):
        assert f'nodeops_collector_up{{collector="{name}"}} {value}' in text
    assert "nodeops_memory_total_bytes" in text


def test_an_address_that_is_taken_is_an_error_not_a_silent_exporter(tmp_path, running):
    with pytest.raises(OSError, match=r"in use"):
        taken = running.place
        other = Place(taken.address, taken.port, taken.key, taken.certificate, taken.monitors, tmp_path / "s")
        asyncio.run(serve(Exporter([]), other))


def test_the_socket_of_an_exporter_that_is_gone(tmp_path):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "s"))
    left.close()
    with pytest.raises(HostError, match="does not answer"):
        asked(tmp_path / "s", "/metrics")
