"""What the body of a JSON-RPC 2.0 answer must look like before anything in it is believed. Pure."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from nodeops.core.errors import HostError
from nodeops.core.printable import printable

# The deepest real answer (a batch of commits) has 9 levels.
MAX_DEPTH = 32
LIE_HINT = "something other than a ledger may listen there, or the ledger is broken: read its log"
_OK = 200


def results(status: int, body: bytes, count: int, where: str) -> list[dict[str, Any]]:
    """Return the `result` objects for the request ids 1 to `count`, in that order. `status` is the HTTP status.

    Raise HostError for anything that is not exactly that, with the ledger's own message where it sent one.
    """
    parsed = _parsed(status, body, where)
    # A batch of one is answered as if it were no batch (rpc/jsonrpc/server/http_server.go, WriteRPCResponseHTTP).
    answers = parsed if isinstance(parsed, list) else [parsed]
    for answer in answers:
        if isinstance(answer, dict) and answer.get("error"):
            raise HostError(f"the ledger says: {_error_text(answer['error'])}", where=where)
    if status != _OK:
        raise HostError(f"answers HTTP status {status}", where=where, hint=LIE_HINT)
    return _in_order(answers, count, where)


def _parsed(status: int, body: bytes, where: str) -> Any:
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        text = "the answer is not JSON, or is nested too deeply" if status == _OK else f"answers HTTP status {status}"
        raise HostError(text, where=where, hint=LIE_HINT) from error
    if not _shallow(parsed):
        raise HostError(f"the answer is nested deeper than {MAX_DEPTH} levels", where=where, hint=LIE_HINT)
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _shallow(parsed: Any) -> bool:
    level = [parsed]
    for _ in range(MAX_DEPTH):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return True
    return False


def _in_order(answers: Sequence[Any], count: int, where: str) -> list[dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for answer in answers:
        if isinstance(answer, dict) and answer.get("jsonrpc") == "2.0" and isinstance(answer.get("result"), dict):
            found[_id(answer)] = answer["result"]
    wanted = list(range(1, count + 1))
    if len(answers) != count or set(found) != set(wanted):
        raise HostError("the answer is not a JSON-RPC 2.0 result object", where=where, hint=LIE_HINT)
    return [found[number] for number in wanted]


def _id(answer: dict[str, Any]) -> int | None:
    number = answer.get("id")
    return number if type(number) is int else None


def _error_text(error: Any) -> str:
    if not isinstance(error, dict):
        return printable(error)
    return printable(": ".join(str(error[key]) for key in ("message", "data") if error.get(key)) or error)
