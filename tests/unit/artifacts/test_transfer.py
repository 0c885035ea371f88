"""Fetching over HTTP from a real server on loopback: bad servers, broken connections, two at once and a real kill."""

import http.server
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nodeops.artifacts import fetch, transfer
from nodeops.artifacts.cache import locked
from nodeops.core.errors import HostError, InputError
from tests.unit.artifacts.samples import PROGRAM, SHA256, TARGET, VERSION, WHOLE, child, files, from_url, get

Served = Callable[[http.server.BaseHTTPRequestHandler, int], None]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Served], str]]:
    """Start a server whose answers a test gives as a function of the request and its number; return the URL."""
    servers: list[http.server.ThreadingHTTPServer] = []
    monkeypatch.setattr(transfer, "wait_exponential", lambda *_, **__: lambda _state: 0)
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


def test_a_url_is_downloaded_and_its_query_is_not_kept(cache: Path, serve: Callable[[Served], str]) -> None:
    found = get(cache, from_url(serve(lambda request, _: send(request))))
    assert found.path.read_bytes() == PROGRAM
    assert "hidden" not in (found.path.parent / "manifest.json").read_text()


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
    monkeypatch.setattr(transfer, "MAX_BYTES", 2 * len(PROGRAM))
    with pytest.raises(error, match=says) as caught:
        get(cache, from_url(serve(answer)))
    assert "hidden" not in str(caught.value)
    assert files(cache) == []


def test_nobody_listening_is_a_host_error(cache: Path, serve: Callable[[Served], str]) -> None:
    with pytest.raises(HostError, match="cannot be downloaded"):
        get(cache, from_url("http://127.0.0.1:1/cometbft"))


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
    assert fetch.cached(cache) == []
    assert get(cache, from_url(url)).sha256 == SHA256
    assert files(cache) == WHOLE


def test_two_fetches_at_once_transfer_once(cache: Path, serve: Callable[[Served], str]) -> None:
    asked: list[int] = []

    def count(request: http.server.BaseHTTPRequestHandler, number: int) -> None:
        asked.append(number)
        send(request)

    url = serve(count)
    target = cache / "cometbft" / VERSION / TARGET
    with locked(target):
        processes = [child(cache, from_url(url)) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert sorted(answer["fresh"] for answer in answers) == [False, True]
    assert asked == [0]


def test_a_server_that_sends_a_byte_at_a_time_meets_the_end_of_its_time(
    cache: Path, serve: Callable[[Served], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_TRANSFER_SECONDS", 0.3)
    over = threading.Event()

    def drop(request: http.server.BaseHTTPRequestHandler, _: int) -> None:
        request.send_response(200)
        request.end_headers()
        with suppress(OSError):
            while not over.wait(0.05):
                request.wfile.write(b"x")

    with pytest.raises(HostError, match="took more than"):
        get(cache, from_url(serve(drop)))
    over.set()
    assert not files(cache)


def test_a_pipe_is_no_binary_and_nobody_waits_for_it(cache: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="no regular file"):
        get(cache, {"source": "file", "path": str(pipe), "sha256": SHA256})


def test_a_pipe_in_the_cache_is_a_change_and_nobody_waits_for_it(cache: Path, serve: Callable[[Served], str]) -> None:
    source = from_url(serve(lambda request, _: send(request, PROGRAM)))
    done = get(cache, source)
    for path in (done.path, done.path.with_name("manifest.json")):
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(HostError, match=r"was changed.*no regular file"):
            get(cache, source)
        path.unlink()
        path.write_bytes(kept)
