"""What ledgerd costs beside CometBFT's sample application: four validators of each, on loopback, in the same minutes.

Memory, processor time, disk and log are of one node, the mean of the four. How fast records are written: benchmarks/records.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from loopback import LEDGERD, SAMPLE, Network

YEAR_SECONDS = 365 * 86400
MIB = 1 << 20


def rows(networks: Sequence[Network], seconds: float) -> Iterator[str]:
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


def row(what: str, values: Sequence[float]) -> str:
    """Return a line of the table."""
    sample, ours = values
    return f"| {what} | {sample:.1f} | {ours:.1f} | {ours / sample:.2f} |"


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=120, help="how long blocks without records are watched")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        networks = [Network(application, Path(folder)) for application in (SAMPLE, LEDGERD)]
        try:
            for network in networks:
                network.start()
            for line in rows(networks, chosen.seconds):
                print(line, flush=True)  # noqa: T201 - what a benchmark is for
        finally:
            for network in networks:
                network.stop()


if __name__ == "__main__":
    main()
