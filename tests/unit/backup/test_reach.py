"""What is said of a repository that cannot be used, from a real server behind TLS."""

import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from nodeops.backup.reach import reach
from nodeops.core.errors import HostError
from nodeops.exporter.certificates import key_text, new_key, self_signed


class Handler(BaseHTTPRequestHandler):
    """Let in whoever has the password."""

    def do_HEAD(self) -> None:
        code = {"/good/config": 404, "/there/config": 200}.get(self.path, 401)
        self.send_response(code if self.headers["Authorization"] == "Basic dTpw" else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    for name in ("own", "other"):
        key = new_key()
        (folder / f"{name}.key").write_bytes(key_text(key))
        (folder / f"{name}.pem").write_bytes(self_signed("repo", "127.0.0.1", key, datetime.now(UTC)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "own.key")
    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        found.socket = context.wrap_socket(found.socket, server_side=True)
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found.server_port, folder
        found.shutdown()


@pytest.mark.parametrize(
    ("who", "path", "certificate", "said"),
    [
        ("u:p", "there", "own", ""),
        ("u:p", "good", "own", ""),
        ("u:x", "good", "own", "does not let this node in"),
        ("u:p", "others", "own", "does not let this node in"),
        ("u:p", "good", "other", "its certificate is not trusted"),
    ],
)
def test_what_is_said(server, who, path, certificate, said):
    port, folder = server
    settings = {
        "RESTIC_REPOSITORY": f"rest:https://{who}@127.0.0.1:{port}/{path}/",
        "BACKUP_CACERT": str(folder / f"{certificate}.pem"),
    }
    if not said:
        return reach(settings)
    with pytest.raises(HostError, match=said):
        reach(settings)
    return None


@pytest.mark.parametrize(("certificate", "said"), [("own", ""), ("other", "its certificate is not trusted")])
def test_of_s3_any_answer_will_do_over_trusted_tls(server, certificate, said):
    port, folder = server
    settings = {
        "RESTIC_REPOSITORY": f"s3:https://127.0.0.1:{port}/bucket",
        "BACKUP_CACERT": str(folder / f"{certificate}.pem"),
    }
    if not said:
        return reach(settings)
    with pytest.raises(HostError, match=said):
        reach(settings)
    return None


@pytest.mark.parametrize("place", ["rest:https://u:p@127.0.0.1:1/x/", "s3:https://127.0.0.1:1/x", "sftp://u@127.0.0.1:1//x"])
def test_a_repository_that_is_down(server, place):
    settings = {"RESTIC_REPOSITORY": place, "BACKUP_CACERT": str(server[1] / "own.pem")}
    settings |= {"BACKUP_SSH_KEY": "/nowhere", "BACKUP_SSH_KNOWN_HOSTS": "/nowhere"}
    with pytest.raises(HostError, match="does not answer") as error:
        reach(settings)
    assert "u:p" not in str(error.value)
