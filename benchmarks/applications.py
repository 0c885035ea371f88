"""What ledgerd costs beside CometBFT's sample application: four validators of each, on loopback, in the same minutes.

Memory, processor time, disk and log are of one node, the mean of the four; then records of three organisations are sent to each
as fast as it takes them.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from loopback import LEDGERD, NODES, ORGANISATIONS, SAMPLE, Network, key, wait_for_height

from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cosmos.account import account
from nodeops.ledger.cosmos.messages import self_send
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import Signer, sign

# Sent in a row with one key before the next is asked for: well within what a block takes.
BATCH = 40
YEAR_SECONDS = 365 * 86400
MIB = 1 << 20


def sample_records(network: Network, count: int) -> None:
    """Send records to the sample: a key and a value, signed by nobody."""
    for number in range(count):
        network.driver(number % NODES).broadcast(f"record/{number}={hashlib.sha256(str(number).encode()).hexdigest()}".encode())
    settle(network, lambda: pending(network) == 0)


def signed_records(network: Network, count: int) -> None:
    """Send records to ledgerd, signed by three organisations: a batch each, then the next from the account's number."""
    done, driver = 0, network.driver(0)
    while done < count:
        for name in ORGANISATIONS:
            batch = min(BATCH, count - done)
            send_batch(driver, SigningKey(key(name)), network.chain, batch)
            done += batch
        settle(network, lambda: pending(network) == 0)


def send_batch(driver: CometBft, signer: SigningKey, chain: str, size: int) -> None:
    """Send as many transactions of one key in a row, each with the next number."""
    found = account(driver, signer.address)
    if found is None:
        sys.exit(f"no account for {signer.address}")
    for place in range(size):
        memo = json.dumps({"sha256": hashlib.sha256(f"{signer.address} {place}".encode()).hexdigest(), "size": place})
        signers = [Signer(signer, found.number, found.sequence + place)]
        driver.broadcast(sign([self_send(signer.address)], signers, chain, memo))


def pending(network: Network) -> int:
    """Return how many transactions wait for a block."""
    return int(network.driver(0).rpc.call("num_unconfirmed_txs")["total"])


def settle(network: Network, done: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something holds and one more block has come."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"{network.application.name}: transactions still wait after {seconds:g} s")
        time.sleep(0.1)
    wait_for_height(network.driver(0), network.driver(0).status().height + 1)


def committed(network: Network, first: int) -> int:
    """Return how many transactions stand in blocks from a height on: none lost, none twice."""
    driver = network.driver(0)
    last = driver.status().height
    blocks = [driver.rpc.call("block", height=height) for height in range(first, last + 1)]
    return sum(len(block["block"]["data"]["txs"] or []) for block in blocks)


def rate(network: Network, send: Callable[[Network, int], None], count: int) -> float:
    """Return how many records a second were in blocks, all of them counted there."""
    first = network.driver(0).status().height + 1
    start = time.monotonic()
    send(network, count)
    taken = time.monotonic() - start
    found = committed(network, first)
    if found != count:
        sys.exit(f"{network.application.name}: {count} records were sent, {found} are in blocks")
    return count / taken


def rows(networks: Sequence[Network], seconds: float, records: int) -> Iterator[str]:
    """Measure, and yield the table."""
    before = [network.used() for network in networks]
    time.sleep(seconds)
    after = [network.used() for network in networks]
    blocks = [now.height - was.height for was, now in zip(before, after, strict=True)]
    spent = list(zip(before, after, blocks, strict=True))
    yield "| one of four validators, blocks without records | sample | ledgerd | ratio |"
    yield "|---|---|---|---|"
    yield row("resident memory, MiB", [now.resident / MIB for now in after])
    yield row("processor, ms a block", [1000 * (now.processor - was.processor) / count for was, now, count in spent])
    disk = [(now.disk - was.disk) / count for was, now, count in spent]
    yield row("disk without the write-ahead log, KiB a block", [size / 1024 for size in disk])
    yield row("log at info, KiB a block", [(now.log - was.log) / count / 1024 for was, now, count in spent])
    for pause in (1, 2, 5):
        yield row(f"disk, GiB a year with {pause} s a block", [size * YEAR_SECONDS / pause / (1 << 30) for size in disk])
    rates = [rate(networks[0], sample_records, records), rate(networks[1], signed_records, records)]
    yield row(f"records a second, {records} of three organisations, all counted in blocks", rates)


def row(what: str, values: Sequence[float]) -> str:
    """Return a line of the table."""
    sample, ours = values
    return f"| {what} | {sample:.1f} | {ours:.1f} | {ours / sample:.2f} |"


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=120, help="how long blocks without records are watched")
    parser.add_argument("--records", type=int, default=960, help="how many records are sent to each")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        networks = [Network(application, Path(folder)) for application in (SAMPLE, LEDGERD)]
        try:
            for network in networks:
                network.start()
            for line in rows(networks, chosen.seconds, chosen.records):
                print(line, flush=True)  # noqa: T201 - what a benchmark is for
        finally:
            for network in networks:
                network.stop()


if __name__ == "__main__":
    main()
