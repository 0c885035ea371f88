"""The RPC client against real sockets that are truncated, wrong, huge, slow or rude: always a NodeopsError, always in time."""

import json
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, InputError, NodeopsError, Timeout
from nodeops.core.printable import printable
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.rpc_answer import MAX_DEPTH
from tests.ports import free_ports
from tests.unit.ledger.rpc_server import Talk, answering, http, result, saying, talking

QUICK = 0.3
# Where no deadline is tested, none is met, however busy the machine.
PATIENT = 60.0
# Longer than any deadline in here: a client that let the server finish would succeed, and its test would fail.
DRIPS = 2000


def nested(depth: int) -> bytes:
    return b'{"jsonrpc": "2.0", "id": 1, "result": {"a": ' + b"[" * depth + b"]" * depth + b"}}"


def rpc_error(error: object) -> bytes:
    return http(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode())


BAD = {
    "nothing": (b"", "closed without an answer"),
    "not HTTP": (b"\x16\x03\x01 go away\r\n\r\n", "not HTTP"),
    "endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000, "not HTTP"),
    "too many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", "not HTTP"),
    "cut status line": (b"HTTP/1.", "not HTTP"),
    "cut headers": (b"HTTP/1.1 200 OK\r\nContent-Le", "not JSON"),
    "cut body": (http(result({"a": 1}))[:-4], "before the answer was whole"),
    "length too long": (http(result({}), length=9_999), "before the answer was whole"),
    "length too short": (http(result({}), length=5), "not JSON"),
    "length negative": (http(b"[]", length=-5), "not a JSON-RPC"),
    "length absurd": (http(result({}), length=10**30), "before the answer was whole"),
    "cut chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{", "before the answer was whole"),
    "bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", "before the answer was whole"),
    "huge body": (http(result({"a": "x" * 5_000})), "larger than 4096 bytes"),
    "empty body": (http(b""), "not JSON"),
    "not UTF-8": (http(b'{"result": "\xff"}'), "not JSON"),
    "NaN": (http(b'{"jsonrpc": "2.0", "id": 1, "result": {"a": NaN}}'), "not JSON"),
    "endless number": (http(b'{"result": ' + b"9" * 4_000 + b"}"), "not a JSON-RPC"),
    "deep": (http(nested(MAX_DEPTH)), "deeper than"),
    "deeper than python": (http(nested(2_000)), "nested"),
    "HTTP 500": (http(b"oops", "500 Internal Server Error"), "HTTP status 500"),
    "HTTP 500 with JSON": (http(b"{}", "500 Internal Server Error"), "HTTP status 500"),
    "HTTP 302": (http(b"", "302 Found"), "HTTP status 302"),
    "a list": (http(b"[]"), "not a JSON-RPC"),
    "a number": (http(b"7"), "not a JSON-RPC"),
    "no result": (http(b'{"jsonrpc": "2.0", "id": 1}'), "not a JSON-RPC"),
    "result is a list": (http(result([])), "not a JSON-RPC"),
    "another id": (http(b'{"jsonrpc": "2.0", "id": 2, "result": {}}'), "not a JSON-RPC"),
    "id is true": (http(b'{"jsonrpc": "2.0", "id": true, "result": {}}'), "not a JSON-RPC"),
    "old protocol": (http(b'{"jsonrpc": "1.0", "id": 1, "result": {}}'), "not a JSON-RPC"),
    "an error": (
        rpc_error({"code": -1, "message": "Internal error", "data": "no such height"}),
        "Internal error: no such height",
    ),
    "an error with escapes": (rpc_error({"message": "\x1b[31mred\n"}), "says:  [31mred "),
    "an error that is text": (rpc_error("broken"), "says: broken"),
    "a huge error": (rpc_error({"message": "x" * 3_000}), "…"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_a_clear_error(name: str) -> None:
    data, said = BAD[name]
    with saying(data) as url, pytest.raises(HostError) as caught:
        Rpc(url, timeout_seconds=PATIENT, max_bytes=4096).call("status")
    assert said in caught.value.what
    assert caught.value.where == f"{url} status"
    assert "\n" not in caught.value.what
    assert "\x1b" not in caught.value.what
    assert len(caught.value.what) < 400


def test_a_good_answer_is_its_result() -> None:
    with saying(http(result({"height": "5"}))) as url:
        assert Rpc(url, timeout_seconds=PATIENT).call("status") == {"height": "5"}


def test_a_chunked_answer_is_read() -> None:
    body = result({"a": 1})
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    with saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk) as url:
        assert Rpc(url, timeout_seconds=PATIENT).call("status") == {"a": 1}


def test_parameters_are_written_as_the_ledger_reads_them() -> None:
    with answering({"tx": lambda params: params}) as url:
        sent = Rpc(url, timeout_seconds=PATIENT).call("tx", height=5, tx=b"\x00k=v", prove=True, query="a='b'")
    assert sent == {"height": "5", "tx": "AGs9dg==", "prove": True, "query": "a='b'"}


def test_a_batch_answers_in_the_order_of_its_questions() -> None:
    with answering({"commit": lambda params: params}) as url:
        rpc = Rpc(url, timeout_seconds=PATIENT)
        assert rpc.call_many("commit", [{"height": 3}, {"height": 2}]) == [{"height": "3"}, {"height": "2"}]
        assert rpc.call_many("commit", [{"height": 7}]) == [{"height": "7"}]
        assert rpc.call_many("commit", []) == []


def shuffled(connection: socket.socket, _: bytes) -> None:
    answers = [{"jsonrpc": "2.0", "id": number, "result": {"n": number}} for number in (2, 1)]
    connection.sendall(http(json.dumps(answers).encode()))


def test_a_batch_may_come_back_in_any_order() -> None:
    with talking(shuffled) as url:
        assert Rpc(url, timeout_seconds=PATIENT).call_many("commit", [{}, {}]) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("ids", [[1], [1, 1], [1, 2, 3], [1, 3], []], ids=str)
def test_a_batch_that_does_not_answer_every_question_once_is_refused(ids: list[int]) -> None:
    answers = [{"jsonrpc": "2.0", "id": number, "result": {}} for number in ids]
    with saying(http(json.dumps(answers).encode())) as url, pytest.raises(HostError, match="not a JSON-RPC"):
        Rpc(url, timeout_seconds=PATIENT).call_many("commit", [{}, {}])


def drip(data: bytes, hung_up: threading.Event) -> Talk:
    def talk(connection: socket.socket, _: bytes) -> None:
        try:
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            hung_up.set()
            raise

    return talk


SLOW = {
    "headers": b"HTTP/1.1 200 OK\r\nX: " + b"a" * DRIPS + b"\r\n\r\n" + result({}),
    "body": b"HTTP/1.1 200 OK\r\n\r\n" + b" " * DRIPS + result({}),
    "body of known length": http(b" " * DRIPS + result({})),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + http(result({})),
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * DRIPS,
}


@pytest.mark.parametrize("name", SLOW)
def test_an_answer_that_drips_is_cut_off_at_the_deadline(name: str) -> None:
    hung_up = threading.Event()
    with talking(drip(SLOW[name], hung_up)) as url:
        with pytest.raises(Timeout, match="no whole answer within"):
            Rpc(url, timeout_seconds=QUICK).call("status")
        # The server notices by itself that nobody listens any more, long before it has said everything.
        assert hung_up.wait(PATIENT)


def test_silence_is_a_timeout() -> None:
    release = threading.Event()

    def talk(*_: object) -> None:
        release.wait(PATIENT)

    with talking(talk) as url:
        with pytest.raises(Timeout):
            Rpc(url, timeout_seconds=QUICK).call("status")
        release.set()


def test_a_server_that_does_not_accept_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        host, port = full.getsockname()
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex((host, port))
        with pytest.raises(Timeout):
            Rpc(f"http://{host}:{port}", timeout_seconds=QUICK).call("status")
        for one in held:
            one.close()


def test_a_closed_port_is_refused_with_a_hint() -> None:
    (closed,) = free_ports(1)
    with pytest.raises(HostError, match="connection refused") as caught:
        Rpc(f"http://127.0.0.1:{closed}").call("status")
    assert "nodeops status" in caught.value.hint


@pytest.mark.parametrize(("method", "tries"), [("status", 3), ("broadcast_tx_sync", 1)])
def test_a_read_is_tried_again_but_a_broadcast_never(method: str, tries: int) -> None:
    seen: list[bytes] = []
    with talking(lambda _, body: seen.append(body)) as url, pytest.raises(HostError):
        Rpc(url, timeout_seconds=PATIENT).call(method, tx=b"a=b")
    assert len(seen) == tries


def test_a_read_that_is_reset_once_succeeds() -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket, body: bytes) -> None:
        seen.append(body)
        if len(seen) > 1:
            connection.sendall(http(result({"ok": True})))

    with talking(talk) as url:
        assert Rpc(url, timeout_seconds=PATIENT).call("status") == {"ok": True}


def test_a_lost_broadcast_says_that_it_may_have_worked() -> None:
    with saying(b"") as url, pytest.raises(HostError) as caught:
        Rpc(url, timeout_seconds=PATIENT).call("broadcast_tx_sync", tx=b"a=b")
    assert "may have been accepted" in caught.value.hint


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    (closed,) = free_ports(1)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed}")
    with saying(http(result({}))) as url:
        assert Rpc(url, timeout_seconds=PATIENT).call("status") == {}


BAD_URLS = ["", "127.0.0.1:26657", "https://127.0.0.1:1", "http://127.0.0.1", "http://:1", "http://a:b@h:1", "http://h:99999"]


@pytest.mark.parametrize("url", [*BAD_URLS, "http://[::1:1", "http://h:1/path", "http://h:\x1b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Rpc(url)
    assert caught.value.allowed == "http://HOST:PORT"


def test_ipv6_works() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    assert Rpc("http://[::1]:26657")._host == "::1"


headers = st.sampled_from(
    [b"Content-Length: 10", b"Content-Length: x", b"Transfer-Encoding: chunked", b"Connection: keep-alive", b":", b""]
)
garbage = st.binary(max_size=200)
answers = st.builds(
    lambda status, lines, body: b"HTTP/1.1 " + status + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body,
    st.sampled_from([b"200 OK", b"500 No", b"100 Continue", b"204 None", b"999", b"-1 x", b"\xff"]),
    st.lists(st.one_of(headers, garbage), max_size=4),
    garbage,
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["jsonrpc", "id", "result", "error", "x"]), inner)
    ),
    max_leaves=12,
)


def outcome(data: bytes) -> object:
    with saying(data) as url:
        try:
            # A broadcast is never tried again, which keeps thousands of closed connections quick.
            return Rpc(url, timeout_seconds=PATIENT).call("broadcast_tx_sync")
        except NodeopsError as error:
            return error


@settings(max_examples=60, deadline=None)
@given(st.one_of(garbage, answers))
def test_no_bytes_get_past_as_another_exception(data: bytes) -> None:
    assert isinstance(outcome(data), dict | NodeopsError)


@settings(max_examples=60, deadline=None)
@given(values)
def test_no_json_gets_past_as_another_exception(value: object) -> None:
    got = outcome(http(json.dumps(value).encode()))
    assert isinstance(got, NodeopsError) or (isinstance(value, dict) and got == value["result"])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_truncated_answer_never_counts(data: st.DataObject) -> None:
    whole = http(result({"a": {"b": [1, 2, 3]}}))
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert isinstance(outcome(whole[:cut]), HostError)


@given(st.text(max_size=100), st.integers(1, 50))
def test_printable_text_is_one_bounded_line(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
