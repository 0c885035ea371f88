"""Fetching into a cache: real files, a real HTTP server on loopback, real locks and a real kill."""

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError
from nodeops.core.finding import Verdict
from nodeops.ledger import artifact, artifact_transfer
from nodeops.ledger.artifact_cache import locked

VERSION = "v0.38.21"
PROGRAM = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little") + bytes(range(256)) * 4096
SHA256 = hashlib.sha256(PROGRAM).hexdigest()
Served = Callable[[http.server.BaseHTTPRequestHandler, int], None]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.write_bytes(PROGRAM)
    return path


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Served], str]]:
    """Start a server whose answers a test gives as a function of the request and its number; return the URL."""
    servers: list[http.server.ThreadingHTTPServer] = []
    monkeypatch.setattr(artifact_transfer, "wait_exponential", lambda *_, **__: lambda _state: 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def start(answer: Served) -> str:
        count = iter(range(1000))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self, next(count))

            def log_message(self, *_: object) -> None:
                return

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/cometbft?token=hidden"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(
    request: http.server.BaseHTTPRequestHandler, body: bytes = PROGRAM, status: int = 200, length: int | None = None
) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)


def from_file(path: Path, sha256: str = SHA256) -> dict[str, str]:
    return {"source": "file", "path": str(path), "sha256": sha256}


def from_url(url: str, sha256: str = SHA256) -> dict[str, str]:
    return {"source": "url", "url": url, "sha256": sha256}


def get(cache: Path, override: dict[str, str], **other: object) -> artifact.Artifact:
    return artifact.fetch("cometbft", VERSION, override=override, cache=cache, **other)  # type: ignore[arg-type]


def files(cache: Path) -> list[str]:
    """Return what is in the cache."""
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


WHOLE = [f"cometbft/{VERSION}/linux-amd64/{name}" for name in ("cometbft", "manifest.json")]


def test_a_file_is_cached_once_with_a_manifest_and_used_again_when_the_source_is_gone(cache: Path, source: Path) -> None:
    first = get(cache, from_file(source))
    source.unlink()
    second = get(cache, from_file(source))
    assert (first.fresh, second.fresh) == (True, False)
    assert first.path.read_bytes() == PROGRAM
    assert os.access(first.path, os.X_OK)
    assert (second.sha256, second.size, second.source) == (SHA256, len(PROGRAM), "file")
    assert files(cache) == WHOLE
    manifest = json.loads((first.path.parent / "manifest.json").read_text())
    assert (manifest["sha256"], manifest["size"], manifest["origin"]) == (SHA256, len(PROGRAM), str(source))


def test_a_url_is_downloaded_and_its_query_is_not_kept(cache: Path, serve: Callable[[Served], str]) -> None:
    found = get(cache, from_url(serve(lambda request, _: send(request))))
    assert found.path.read_bytes() == PROGRAM
    assert "hidden" not in (found.path.parent / "manifest.json").read_text()


def test_a_file_url_is_read_from_disk(cache: Path, source: Path) -> None:
    assert get(cache, from_url(source.as_uri())).source == "url"


def test_a_busy_server_is_asked_again(cache: Path, serve: Callable[[Served], str]) -> None:
    url = serve(lambda request, number: send(request, b"", 503) if number == 0 else send(request))
    assert get(cache, from_url(url)).sha256 == SHA256


def test_a_connection_that_breaks_once_is_tried_again(cache: Path, serve: Callable[[Served], str]) -> None:
    url = serve(lambda request, number: send(request, PROGRAM[:1000], length=len(PROGRAM)) if number == 0 else send(request))
    assert get(cache, from_url(url)).sha256 == SHA256


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (lambda request, _: send(request, b"", 404), InputError, "404"),
        (lambda request, _: send(request, b"", 500), HostError, "500"),
        (lambda request, _: send(request, PROGRAM[:1000], length=len(PROGRAM)), HostError, "1000 of"),
        (lambda request, _: send(request, PROGRAM + b"x"), InputError, "SHA-256"),
        (lambda request, _: send(request, PROGRAM * 3), HostError, "sends more than"),
        (lambda request, _: request.wfile.write(b"\x00\xff nonsense\r\n\r\n"), HostError, "downloaded"),
        (lambda request, _: None, HostError, "downloaded"),
    ],
    ids=["absent", "broken", "truncated", "other bytes", "endless", "no HTTP", "silent close"],
)
def test_a_bad_server_is_a_clear_error_and_leaves_nothing(
    answer: Served,
    error: type[Exception],
    says: str,
    cache: Path,
    serve: Callable[[Served], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(artifact_transfer, "MAX_BYTES", 2 * len(PROGRAM))
    with pytest.raises(error, match=says) as caught:
        get(cache, from_url(serve(answer)))
    assert "hidden" not in str(caught.value)
    assert files(cache) == []


def test_nobody_listening_is_a_host_error(cache: Path, serve: Callable[[Served], str]) -> None:
    with pytest.raises(HostError, match="cannot be downloaded"):
        get(cache, from_url("http://127.0.0.1:1/cometbft"))


def test_a_wrong_checksum_of_a_file_changes_nothing(cache: Path, source: Path) -> None:
    with pytest.raises(InputError, match="has SHA-256") as caught:
        get(cache, from_file(source, "0" * 64))
    assert caught.value.allowed == "0" * 64
    assert files(cache) == []


def test_a_failed_refresh_keeps_what_was_cached(cache: Path, source: Path) -> None:
    get(cache, from_file(source))
    source.write_bytes(b"something else")
    with pytest.raises(InputError):
        get(cache, from_file(source), refresh=True)
    assert get(cache, from_file(source)).fresh is False


def test_a_missing_file_is_an_input_error(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        get(cache, from_file(tmp_path / "absent"))


def test_a_program_for_another_machine_is_refused(cache: Path, source: Path) -> None:
    with pytest.raises(InputError, match="program for amd64"):
        get(cache, from_file(source), arch="arm64")
    assert files(cache) == []


def test_another_checksum_replaces_the_cached_binary(cache: Path, source: Path) -> None:
    get(cache, from_file(source))
    other = PROGRAM + b"patched"
    source.write_bytes(other)
    found = get(cache, from_file(source, hashlib.sha256(other).hexdigest()))
    assert found.fresh
    assert found.path.read_bytes() == other
    assert files(cache) == WHOLE


def _flip(folder: Path) -> None:
    data = bytearray((folder / "cometbft").read_bytes())
    data[500] ^= 1
    (folder / "cometbft").write_bytes(data)


def _edit(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, key: value}))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one bit": _flip,
    "truncated": lambda folder: os.truncate(folder / "cometbft", 100),
    "no binary": lambda folder: (folder / "cometbft").unlink(),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "half a manifest": lambda folder: os.truncate(folder / "manifest.json", 40),
    "empty manifest": lambda folder: os.truncate(folder / "manifest.json", 0),
    "manifest of another version": lambda folder: _edit(folder, "version", "v0.38.26"),
    "manifest that points out": lambda folder: _edit(folder, "binary", "../../../cometbft"),
    "manifest with more": lambda folder: _edit(folder, "extra", 1),
    "binary is a folder": lambda folder: ((folder / "cometbft").unlink(), (folder / "cometbft").mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_changed_cache_is_never_used_is_found_and_is_repaired_by_refresh(
    damage: Callable[[Path], object], cache: Path, source: Path
) -> None:
    folder = get(cache, from_file(source)).path.parent
    assert [finding.verdict for finding in artifact.verify(cache)] == [Verdict.PASS]
    damage(folder)
    with pytest.raises(HostError, match="was changed") as caught:
        get(cache, from_file(source))
    assert caught.value.hint == "nodeops artifact fetch --refresh"
    assert [finding.verdict for finding in artifact.verify(cache)] == [Verdict.FAIL]
    assert artifact.cached(cache) == [(folder, None)]
    assert get(cache, from_file(source), refresh=True).fresh
    assert [finding.verdict for finding in artifact.verify(cache)] == [Verdict.PASS]


CHILD = """
import json, sys
from pathlib import Path
from nodeops.ledger.artifact import fetch
found = fetch("cometbft", sys.argv[1], override=json.loads(sys.argv[2]), cache=Path(sys.argv[3]))
print(json.dumps({"fresh": found.fresh, "sha256": found.sha256}))
"""


def child(cache: Path, override: dict[str, str]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", CHILD, VERSION, json.dumps(override), str(cache)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def test_a_fetch_killed_half_way_leaves_nothing_that_counts_and_the_next_one_completes(
    cache: Path, serve: Callable[[Served], str]
) -> None:
    half_sent, finish = threading.Event(), threading.Event()

    def stall(request: http.server.BaseHTTPRequestHandler, number: int) -> None:
        if number > 0:
            return send(request)
        send(request, PROGRAM[: len(PROGRAM) // 2], length=len(PROGRAM))
        half_sent.set()
        finish.wait(30)
        return None

    url = serve(stall)
    process = child(cache, from_url(url))
    assert half_sent.wait(30)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    finish.set()
    assert artifact.cached(cache) == []
    assert get(cache, from_url(url)).sha256 == SHA256
    assert files(cache) == WHOLE


def test_two_fetches_at_once_transfer_once(cache: Path, serve: Callable[[Served], str]) -> None:
    asked: list[int] = []

    def count(request: http.server.BaseHTTPRequestHandler, number: int) -> None:
        asked.append(number)
        send(request)

    url = serve(count)
    target = cache / "cometbft" / VERSION / "linux-amd64"
    with locked(target):
        processes = [child(cache, from_url(url)) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert sorted(answer["fresh"] for answer in answers) == [False, True]
    assert asked == [0]


def test_whoever_waits_says_so(cache: Path, source: Path) -> None:
    said, waiting, free = [], threading.Event(), threading.Event()
    target = cache / "cometbft" / VERSION / "linux-amd64"

    def hold() -> None:
        with locked(target):
            waiting.set()
            free.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    assert waiting.wait(30)

    def say(text: str) -> None:
        said.append(text)
        free.set()

    assert get(cache, from_file(source), say=say).fresh
    holder.join(30)
    assert "waiting for another nodeops" in said[0]


def test_a_cache_that_cannot_be_made_is_a_host_error(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot be made"):
        get(tmp_path / "file" / "cache", from_file(source))
