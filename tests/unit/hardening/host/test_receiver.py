"""A host that takes logs is asked for real: over TLS, with and without the right certificates."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from nodeops.exporter.certificates import key_text, new_key, self_signed
from nodeops.hardening.host.receiver import refusal, waiting_bytes
from tests.ports import free_ports


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a folder with key and certificate of a host, of its log host, and of a stranger, each for its name."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("host", "logs", "stranger"):
        key = new_key()
        (folder / f"{name}.key").write_bytes(key_text(key))
        (folder / f"{name}.pem").write_bytes(self_signed(name, "127.0.0.1", key, datetime.now(UTC)))
    return folder


@contextmanager
def receiver(files: Path, lets_in: str, version: ssl.TLSVersion) -> Iterator[int]:
    """Run a receiver for one connection; give its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "logs.pem", files / "logs.key")
    context.load_verify_locations(files / f"{lets_in}.pem")
    context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, version
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_serve, args=(listening, context))
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    listening.settimeout(10)
    plain, _ = listening.accept()
    with plain:
        try:
            with context.wrap_socket(plain, server_side=True) as link:
                link.recv(1)
        except OSError:
            return


def asked(files, port, trust="logs.pem", name="logs", own="host"):
    return refusal("127.0.0.1", port, name, str(files / trust), str(files / f"{own}.pem"), str(files / f"{own}.key"))


CASES = {
    "all is right": ({}, ""),
    "a stranger vouches for it": ({"trust": "stranger.pem"}, "its certificate is not trusted: self-signed certificate"),
    "it is somebody else": ({"name": "logs-2"}, "its certificate is not trusted: Hostname mismatch"),
    "it knows another host": ({"own": "stranger"}, "this host's certificate"),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize(("given", "said"), CASES.values(), ids=CASES)
def test_why_a_log_host_does_not_take_logs(files, given, said, version):
    with receiver(files, "host", version) as port:
        found = asked(files, port, **given)
    assert said in found and bool(said) == bool(found)


def test_a_log_host_that_is_away(files):
    (port,) = free_ports(1)
    assert asked(files, port) == "it cannot be reached: Connection refused"


@pytest.mark.parametrize("missing", [{"trust": "none.pem"}, {"own": "none"}])
def test_a_host_that_has_no_certificate_yet(files, missing):
    assert "cannot be used: No such file" in asked(files, 1, **missing)


def test_what_waits(tmp_path):
    (tmp_path / "queue.00000001").write_bytes(b"x" * 300)
    (tmp_path / "queue.qi").write_bytes(b"x" * 20)
    assert waiting_bytes(map(str, [*tmp_path.iterdir(), tmp_path / "gone"])) == 320
