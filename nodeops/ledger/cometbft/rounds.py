"""What CometBFT itself measured of its rounds: its page of metrics, read on loopback, and the few figures of it that are used.

Whoever takes the port while the ledger is down writes there what they like: bytes, lines and time are bounded, and each figure
is checked. What the figures mean (consensus/state.go and metrics.go at tag v0.38.21): a step is left when the work of the next
one is done. So a proposal is made within "NewRound", and "Propose" is the wait for the whole proposal of whoever's turn it is,
with its check and the vote on it: where one proposer is slow, it is long on all nodes alike.
"""

import http.client
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from nodeops.core.errors import HostError, Timeout
from nodeops.core.printable import printable
from nodeops.ledger.answers import Rounds, StepTime
from nodeops.ledger.cometbft.connection import Connection, reason

# A page has about 35 KiB, and 4 KiB for each peer. Of its lines those that are wanted are a few, and one for each proposer.
MOST_BYTES = 2 << 20
MOST_LINES = 2000
_PATH = "/metrics"
_STEP = "cometbft_consensus_step_duration_seconds"
_TIME, _TIMES = f"{_STEP}_sum", f"{_STEP}_count"
_MADE, _QUORUM = "cometbft_consensus_proposal_create_count", "cometbft_consensus_quorum_prevote_delay"
_WANTED = tuple(f"{name}{{".encode() for name in (_TIME, _TIMES, _MADE, _QUORUM))
_MAKING = "NewRound"
# In the order of a round. "NewHeight" is the pause that the consortium file asks for.
_STEPS = {"Propose": "propose", "Prevote": "prevote", "PrevoteWait": "prevote_wait", "Precommit": "precommit", "Commit": "commit"}
_HINT = "something other than the ledger may listen there: ss -ltnp; else restart it: nodeops lifecycle restart"


@dataclass(frozen=True)
class Page:
    """Where a node's own ledger says what it measured, and how long it may take to say so."""

    host: str
    port: int
    timeout_seconds: float

    @property
    def url(self) -> str:
        """Return the address as errors name it."""
        return f"http://{self.host}:{self.port}{_PATH}"

    def read(self) -> bytes:
        """Return the page. Raise HostError for none, half of one, or one above MOST_BYTES; Timeout when it is late."""
        connection = Connection(self.host, self.port, time.monotonic() + self.timeout_seconds)
        try:
            status, body = _got(connection)
        except TimeoutError as error:
            raise Timeout(f"no whole page within {self.timeout_seconds:g} seconds", where=self.url, hint=_HINT) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise HostError(f"does not answer: {reason(error)}", where=self.url, hint=_HINT) from error
        finally:
            connection.close()
        if status != http.client.OK or len(body) > MOST_BYTES:
            said = f"answers HTTP status {status}" if status != http.client.OK else f"the page is larger than {MOST_BYTES} bytes"
            raise HostError(said, where=self.url, hint=_HINT)
        return body


def _got(connection: Connection) -> tuple[int, bytes]:
    connection.request("GET", _PATH, headers={"Connection": "close"})
    response = connection.getresponse()
    body = response.read(MOST_BYTES + 1)
    if response.length and len(body) <= MOST_BYTES:
        raise http.client.IncompleteRead(body, response.length)
    return response.status, body


def rounds(page: bytes, chain: str, validator: str, where: str) -> Rounds:
    """Return what a page says of the rounds of a chain, and of the proposals of one validator, by its address.

    Raise HostError, which names `where`, for a page that is not of this chain or cannot be true.
    """
    if f'{{chain_id="{chain}"'.encode() not in page:
        raise HostError(f"is not the page of a ledger of chain {chain}", where=where, hint=_HINT)
    wanted = [line for line in page.splitlines() if line.startswith(_WANTED)]
    if len(wanted) > MOST_LINES:
        raise HostError(f"has {len(wanted)} lines on rounds, {MOST_LINES} are allowed", where=where, hint=_HINT)
    figures = _figures(wanted, chain, where)
    return Rounds(
        proposals=figures.get((_MADE, ""), 0.0),
        proposal_seconds=figures.get((_TIME, _MAKING), 0.0),
        quorum_seconds=figures.get((_QUORUM, validator)),
        steps=_steps(figures),
    )


def _figures(lines: Iterable[bytes], chain: str, where: str) -> dict[tuple[str, str], float]:
    """Return each figure by its name, and by the step or the proposer that it is of."""
    found: dict[tuple[str, str], float] = {}
    try:
        text = b"\n".join([*lines, b""]).decode("utf-8")
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except (ValueError, IndexError, KeyError, TypeError) as error:
        said = printable(f"the page is not in the text format of Prometheus: {error}", 200)
        raise HostError(said, where=where, hint=_HINT) from error
    for one in samples:
        key = (one.name, one.labels.get("step", one.labels.get("proposer_address", "")))
        # The delay is between the clocks of two hosts: it may be negative, all others not.
        if key in found or not math.isfinite(one.value) or (one.value < 0 and one.name != _QUORUM):
            raise HostError(f"cannot be true: {printable(str(key), 100)} {one.value:g}, or twice", where=where, hint=_HINT)
        if one.labels.get("chain_id") == chain:
            found[key] = one.value
    return found


def _steps(figures: Mapping[tuple[str, str], float]) -> dict[str, StepTime]:
    known = ((name, figures.get((_TIME, step)), figures.get((_TIMES, step))) for step, name in _STEPS.items())
    return {name: StepTime(seconds, times) for name, seconds, times in known if seconds is not None and times is not None}
