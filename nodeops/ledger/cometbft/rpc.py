"""JSON-RPC 2.0 over HTTP to one ledger process, for an answerer that may be slow, broken or lying.

One deadline covers a whole call: connecting, sending, headers, body and retries. The size and the nesting of an answer
are bounded. Whatever goes wrong is a NodeopsError that names the address and the method. Proxies of the environment
are never used: the RPC is a loopback service without authentication. Resolving a host name is outside the deadline, so
roles write addresses.
"""

import base64
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_exponential

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.core.printable import printable
from nodeops.ledger.cometbft.connection import Connection, reason
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT, results

# config/config.go: MaxRequestBatchSize, and the roles do not change it.
BATCH_LIMIT = 10
_ATTEMPTS = 3
# A block of 4 MiB in base64, be it full of transactions of one byte; and what came of them, with logs and events, which others
# than the reader choose the length of: 64 MiB are several times what a block leaves that gets votes (ledgerd/proposal.go).
_LARGE_ANSWERS = {"block": 16 << 20, "block_results": 64 << 20}
_HINT = "check that the ledger runs on that address: nodeops status, then its log"
_BROADCAST_HINT = "the transaction may have been accepted all the same: look for it before sending it again"


class OversizedError(HostError):
    """An answer has more bytes than are read. Whoever asked for less at a time may get it."""


class Rpc:
    """Calls to one address. Holds no connection, so threads may share it.

    `timeout_seconds` is the whole time one call may take, `until` the moment of `time.monotonic` at which all of them end,
    `max_bytes` the largest body that is read, but of a block and its results, which are larger.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 5.0, max_bytes: int = 8 << 20, until: float = float("inf")) -> None:
        self.url = url
        self.timeout_seconds = timeout_seconds
        self.until = until
        self.max_bytes = max_bytes
        self._host, self._port = _address(url)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the `result` object of one call. Integers are sent as text and bytes as base64, as CometBFT wants.

        Raise HostError when there is no answer, an answer of the wrong form, or an error of the ledger's own; Timeout
        when the deadline passes; OversizedError above `max_bytes`. Reads are tried again when the connection is refused
        or reset; broadcasts never are.
        """
        return results(*self._exchange(method, _request(1, method, params)), 1, self._where(method))[0]

    def call_many(self, method: str, batch: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return one `result` object for each set of parameters, in their order, by one JSON-RPC batch.

        Raise as `call` does; one failed call fails the batch. A node takes at most BATCH_LIMIT calls in a batch.
        """
        requests = [_request(number, method, params) for number, params in enumerate(batch, start=1)]
        return results(*self._exchange(method, requests), len(requests), self._where(method)) if requests else []

    def _where(self, method: str) -> str:
        return f"{self.url} {method}"

    def _exchange(self, method: str, request: Any) -> tuple[int, bytes]:
        where = self._where(method)
        try:
            status, body = self._attempts(method)(self._post, json.dumps(request).encode(), self._deadline(), self._most(method))
        except TimeoutError as error:
            hint = _BROADCAST_HINT if _broadcasts(method) else _HINT
            raise Timeout(f"no whole answer within {self.timeout_seconds:g} seconds", where=where, hint=hint) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise HostError(f"does not answer: {reason(error)}", where=where, hint=_hint(method, error)) from error
        if len(body) > (most := self._most(method)):
            raise OversizedError(f"the answer is larger than {most} bytes", where=where, hint=LIE_HINT)
        return status, body

    def _most(self, method: str) -> int:
        return max(self.max_bytes, _LARGE_ANSWERS.get(method, 0))

    def _deadline(self) -> float:
        return min(self.until, time.monotonic() + self.timeout_seconds)

    def _attempts(self, method: str) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type((ConnectionRefusedError, ConnectionResetError)),
            stop=stop_after_attempt(1 if _broadcasts(method) else _ATTEMPTS) | stop_before_delay(self.timeout_seconds),
            wait=wait_exponential(multiplier=0.05),
            reraise=True,
        )

    def _post(self, request: bytes, deadline: float, most: int) -> tuple[int, bytes]:
        connection = Connection(self._host, self._port, deadline)
        try:
            connection.request("POST", "/", request, {"Content-Type": "application/json", "Connection": "close"})
            response = connection.getresponse()
            body = response.read(most + 1)
            if response.length and len(body) <= most:
                raise http.client.IncompleteRead(body, response.length)
            return response.status, body
        finally:
            connection.close()


def _address(url: str) -> tuple[str, int]:
    allowed = "http://HOST:PORT"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"is not an RPC address: {error}", where=printable(url), allowed=allowed) from error
    if parts.scheme != "http" or not host or not port or parts.username or parts.path not in ("", "/"):
        raise InputError("is not an RPC address", where=printable(url), allowed=allowed)
    return host, port


def _request(number: int, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: encoded(value) for name, value in params.items()}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": plain}


def _broadcasts(method: str) -> bool:
    return method.startswith("broadcast_")


def encoded(value: Any) -> Any:
    """Return a parameter as CometBFT wants it in JSON: bytes in base64, integers as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _hint(method: str, error: Exception) -> str:
    lost_on_the_way = _broadcasts(method) and not isinstance(error, ConnectionRefusedError)
    return _BROADCAST_HINT if lost_on_the_way else _HINT
