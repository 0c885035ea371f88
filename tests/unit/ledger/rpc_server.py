"""Real sockets on loopback for the RPC tests: one that says exact bytes, one that answers JSON-RPC from given results."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CASES = Path(__file__).parents[2] / "cases" / "cometbft"
Talk = Callable[[socket.socket, bytes], None]


def recorded(name: str) -> Any:
    return json.loads((CASES / f"{name}.json").read_text())


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """Serve every connection: read one whole request, then let `talk` say what it likes, then close."""
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def accept() -> None:
        while not closing.is_set():
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, talk), daemon=True).start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    host, port = listener.getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        closing.set()
        socket.create_connection((host, port)).close()
        acceptor.join()
        listener.close()


def _serve(connection: socket.socket, talk: Talk) -> None:
    with connection:
        try:
            body = _request(connection)
            if body is not None:
                talk(connection, body)
        except OSError:
            return  # the client hung up, as it should on a bad answer


def _request(connection: socket.socket) -> bytes | None:
    """Return the body of a request, which a GET has not; None when whoever connected is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return body


def http(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode() + body


def result(value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


@contextmanager
def saying(data: bytes) -> Iterator[str]:
    """Answer every request with exactly these bytes."""
    with talking(lambda connection, _: connection.sendall(data)) as url:
        yield url


@contextmanager
def answering(methods: Mapping[str, Any]) -> Iterator[str]:
    """Answer JSON-RPC calls and batches: a method's result, or what its function returns for the parameters."""
    with talking(
        lambda connection, body: connection.sendall(http(json.dumps(_answer(methods, json.loads(body))).encode()))
    ) as url:
        yield url


def _answer(methods: Mapping[str, Any], request: Any) -> Any:
    if isinstance(request, list):
        answers = [_answer(methods, one) for one in request]
        return answers[0] if len(answers) == 1 else answers
    known = methods.get(request["method"])
    if known is None:
        return {"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "Method not found"}}
    value = known(request["params"]) if callable(known) else known
    return {"jsonrpc": "2.0", "id": request["id"], "result": value}
