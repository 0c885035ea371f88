"""Backups by our own verbs and the real restic into a real S3 server on loopback, over TLS."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nodeops.artifacts.cache import cache_folder, locked, workspace
from nodeops.artifacts.go_build import build_go
from nodeops.artifacts.plan import GoBuild
from nodeops.document.profile import Release
from nodeops.exporter.certificates import key_text, new_key, self_signed
from tests.ports import free_ports
from tests.unit.backup.samples import SECRET, asked, made_host, write_settings
from tests.unit.disk.ship.samples import damage

pytestmark = [
    pytest.mark.long,  # the server is compiled for minutes
    pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: make test-tools"),
]
START_SECONDS = 60
# A gateway that many run in front of a POSIX filesystem; it checks every signature.
S3 = GoBuild(
    Release(
        module="github.com/versity/versitygw", package="./cmd/versitygw", sum="h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc="
    ),
    "v1.8.0",
)
ACCESS, KEY = "node-of-this-test", "secret-of-this-test-and-long-enough"


@dataclass(frozen=True)
class Server:
    """A server that runs: the settings that reach it, others by what is wrong with them, and where it keeps what it is sent."""

    settings: Mapping[str, str]
    wrong: Mapping[str, Mapping[str, str]]
    kept: Path
    stop: Callable[[], None]


@contextmanager
def running(words: Sequence[str | Path], port: int, **environment: str) -> Iterator[Callable[[], None]]:
    """Run a server while the block runs, from the moment at which it answers; give what ends it."""
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    ) as server:

        def stop() -> None:
            server.kill()
            server.wait()

        try:
            until = time.monotonic() + START_SECONDS
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert server.poll() is None and time.monotonic() < until
                time.sleep(0.05)
            yield stop
        finally:
            stop()


def s3_program() -> Path:
    """Return the S3 server, built once for this machine from its pinned module."""
    target = cache_folder("test-tools") / f"versitygw-{S3.version}" / "versitygw"
    with locked(target):
        if not target.exists():
            with workspace(target) as work:
                build_go(S3, "amd64", work, work / "new", lambda _: None)
                (work / "new").rename(target)
    return target


@contextmanager
def s3(folder: Path) -> Iterator[Server]:
    """Serve S3 over TLS with a certificate of its own."""
    kept, (port,) = folder / "kept", free_ports(1)
    (kept / "backups").mkdir(parents=True)
    for name in ("own", "other"):
        key = new_key()
        (folder / f"{name}.key").write_bytes(key_text(key))
        (folder / f"{name}.pem").write_bytes(self_signed("repo", "127.0.0.1", key, datetime.now(UTC)))
    words = [s3_program(), f"--port=127.0.0.1:{port}", f"--cert={folder / 'own.pem'}", f"--key={folder / 'own.key'}"]
    good = {
        "RESTIC_REPOSITORY": f"s3:https://127.0.0.1:{port}/backups",
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "BACKUP_CACERT": str(folder / "own.pem"),
    }
    wrong = {
        "its certificate is not trusted": {"BACKUP_CACERT": str(folder / "other.pem")},
        "it does not let this node in": {"AWS_SECRET_ACCESS_KEY": f"{KEY}-not"},
        "does not let this node in": {"AWS_ACCESS_KEY_ID": f"{ACCESS}-not"},
    }
    with running([*words, "posix", kept], port, ROOT_ACCESS_KEY_ID=ACCESS, ROOT_SECRET_ACCESS_KEY=KEY) as stop:
        yield Server(good, {said: {**good, **one} for said, one in wrong.items()}, kept / "backups", stop)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    with s3(tmp_path / "server") as found:
        yield found


@pytest.fixture
def host(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a host with a repository there."""
    made = made_host(tmp_path / "host", **server.settings)
    code, answer = asked(made, capsys, "init", "--ensure")
    assert (code, bool(answer["changes"])) == (0, True), answer
    return made


def test_what_is_backed_up_is_there_judged_read_back_and_damage_is_found(host, server, capsys):
    made = asked(host, capsys, "run")[1]
    found = asked(host, capsys, "status")
    assert (found[0], {one["id"]: one["verdict"] for one in found[1]["findings"]}["backup.place"]) == (0, "pass")
    assert [one["id"] for one in asked(host, capsys, "list")[1]["snapshots"]] == [made["snapshot"][:8]]
    assert asked(host, capsys, "verify")[0] == 0
    assert asked(host, capsys, "init")[1]["error"]["what"] == "is there already"
    pack = max((server.kept / "data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    damage(pack)
    assert asked(host, capsys, "verify")[0] == 1


def test_who_is_wrong_is_told_and_a_server_that_is_down_and_no_secret(host, server, capsys):
    for said, settings in server.wrong.items():
        write_settings(host, **settings)
        code, answer = asked(host, capsys, "run")
        assert (code, said in answer["error"]["what"]) == (3, True), answer
        assert said in str(asked(host, capsys, "verify")[1]["error"]["what"])
        assert KEY not in str(answer) and KEY not in (host / "state/backup/last.json").read_text()
    write_settings(host, **{**server.settings, "RESTIC_PASSWORD": f"{SECRET}-not"})
    assert asked(host, capsys, "run")[1]["error"]["what"] == "the password does not open it"
    write_settings(host, **server.settings)
    assert asked(host, capsys, "run")[0] == 0
    server.stop()
    code, answer = asked(host, capsys, "run")
    assert (code, "does not answer" in answer["error"]["what"]) == (3, True), answer
