"""A ledger's RPC, spoken to from a controller through one of its nodes: requests go over SSH, keys never do."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from nodeops.console import error_data
from nodeops.core.errors import HostError, InputError, NodeopsError
from nodeops.ledger.cometbft.rpc import Rpc, encoded
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT

# What reads, and the one that hands on a signed transaction. Nothing that changes a node.
METHODS = frozenset({"abci_query", "block_results", "broadcast_tx_sync", "commit", "status", "tx", "tx_search", "validators"})
MOST_BYTES = 1 << 20
_TIMEOUT_SECONDS = 20.0


class Asks(Protocol):
    """Whoever runs a verb of nodeops on a node and returns the JSON that it answers."""

    nodes: tuple[str, ...]
    monitors: tuple[str, ...]

    def talk(self, node: str, verb: Sequence[str], line: str) -> dict[str, Any]:
        """Return the JSON that a verb answers to a line; it goes on and serves the next. Raise a NodeopsError without one."""

    def ask_all(self, verb: Sequence[str]) -> Mapping[str, dict[str, Any] | NodeopsError]:
        """Return the answer of every node, asked at once, or why there is none."""

    def file(self, monitor: str, path: str) -> str:
        """Return the text of a file on a monitor. Raise a NodeopsError when it cannot be read."""

    def close(self) -> None:
        """Hang up."""


class Relay(Rpc):
    """The RPC of a node, through its verb `consortium relay`."""

    def __init__(self, asks: Asks, node: str) -> None:
        self.url = f"RPC of {node}"
        self.timeout_seconds, self.max_bytes = _TIMEOUT_SECONDS, MOST_BYTES
        self._asks, self._node = asks, node

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the `result` of one call, as Rpc.call does."""
        return self.call_many(method, [params])[0]

    def call_many(self, method: str, batch: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return a `result` for each set of parameters, as Rpc.call_many does."""
        request = {"method": method, "batch": [{key: encoded(value) for key, value in one.items()} for one in batch]}
        found = self._asks.talk(self._node, ["consortium", "relay"], json.dumps(request)).get("results")
        if not isinstance(found, list) or len(found) != len(batch) or not all(isinstance(one, dict) for one in found):
            raise HostError("the answer cannot be true: not a result for each question", where=self.url, hint=LIE_HINT)
        return found


def _parameters(one: Any) -> bool:
    """Tell whether something is what a call can be given: no parameter is called as one of `Rpc.call` itself."""
    return isinstance(one, dict) and not {"self", "method"} & one.keys()


def answers(rpc: Rpc, requests: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what a controller is told: the results of each request, or why there are none."""
    for request in requests:
        try:
            yield {"results": relayed(rpc, request)}
        except NodeopsError as error:
            yield error_data(error)


def relayed(rpc: Rpc, request: str) -> list[dict[str, Any]]:
    """Return what the RPC on this host answers to a request of a relay. Raise InputError for one that is not for relaying."""
    where = "consortium relay"
    try:
        asked = json.loads(request)
        method, batch = asked["method"], asked["batch"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("is no request", where=where, allowed='{"method": …, "batch": […]}') from error
    if str(method) not in METHODS or not isinstance(batch, list) or not all(map(_parameters, batch)):
        raise InputError("this is not relayed", where=where, allowed=", ".join(sorted(METHODS)))
    return [rpc.call(method, **one) for one in batch]
