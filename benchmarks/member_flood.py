"""What a member that floods the chain does to the records of another: four validators of ledgerd, on loopback.

One organisation sends transactions to its own node as fast as the node takes them. Another writes a record through its own
node, one after the other, and waits for each. Printed: how many blocks a record took, without the flood and within it.
"""

import argparse
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from loopback import LEDGERD, Network, key

from nodeops.core.errors import HostError, NodeopsError
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cosmos.account import account, send
from nodeops.ledger.cosmos.messages import self_send
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import Signer, sign

# Whoever wants to fill blocks asks for no more gas than a transaction needs.
_LEAST_GAS = 70_000


class Flood:
    """One member that sends through its own node until it is told to stop."""

    def __init__(self, network: Network, name: str, place: int) -> None:
        self.driver, self.signer, self.chain = network.driver(place), SigningKey(key(name)), network.chain
        self.sent = self.refused = 0
        self.over = threading.Event()

    def run(self) -> None:
        """Send, each with the next number; after a refusal, go on from the account's number."""
        while not self.over.is_set():
            found = account(self.driver, self.signer.address)
            sequence = found.sequence if found else 0
            with contextlib.suppress(NodeopsError):
                self._row(found.number if found else 0, sequence)

    def _row(self, number: int, sequence: int) -> None:
        while not self.over.is_set():
            signers = [Signer(self.signer, number, sequence)]
            raw = sign([self_send(self.signer.address)], signers, self.chain, f"flood {sequence}", gas=_LEAST_GAS)
            try:
                self.driver.broadcast(raw)
            except ApplicationRefused:
                self.refused += 1
                return
            except HostError:
                # The mempool is full: the same number again, as soon as there is room.
                self.refused += 1
                continue
            self.sent += 1
            sequence += 1


def waited(network: Network, name: str, place: int, count: int) -> Iterator[tuple[float, int]]:
    """Yield seconds and blocks that each of so many records took, through a node of their author."""
    driver, signer = network.driver(place), SigningKey(key(name))
    for number in range(count):
        start, height = time.monotonic(), driver.status().height
        while True:
            try:
                found = send(driver, network.chain, signer, [self_send(signer.address)], f"record {number}", timeout_seconds=120)
                break
            except HostError:
                time.sleep(0.05)
        yield time.monotonic() - start, found.height - height


def told(what: str, rows: list[tuple[float, int]]) -> str:
    """Return a line of the answer."""
    seconds, blocks = zip(*rows, strict=True)
    return f"{what:<22} blocks {statistics.median(blocks):g} in the middle, {max(blocks)} at most; {max(seconds):.1f} s at most"


def measure(network: Network, records: int) -> Iterator[str]:
    """Yield what is printed."""
    yield told("without a flood", list(waited(network, "alpha", 0, records)))
    flood = Flood(network, "gamma", 2)
    thread = threading.Thread(target=flood.run)
    thread.start()
    try:
        time.sleep(10)
        start, height = time.monotonic(), network.driver(0).status().height
        yield told("flooded by a member", list(waited(network, "alpha", 0, records)))
        pace = (time.monotonic() - start) / max(1, network.driver(0).status().height - height)
        waiting = network.driver(0).rpc.call("num_unconfirmed_txs")["total"]
        yield f"the chain went on at {pace:.1f} s a block; {flood.sent} sent, {flood.refused} refused, {waiting} waiting"
    finally:
        flood.over.set()
        thread.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        network = Network(LEDGERD, Path(folder))
        try:
            network.start()
            for line in measure(network, chosen.records):
                print(line, flush=True)  # noqa: T201 - what a benchmark is for
        finally:
            network.stop()


if __name__ == "__main__":
    main()
