"""Measure what sealing a log costs, beside `gzip -6` (logrotate's default) in the same run, and what its writer feels of it.

python benchmarks/disk/seal.py [--megabytes 512] [--seconds 10] [--folder FOLDER on ext4 or XFS]. Ratios count: a second on one
machine is not a second on another.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeops.host.extents import collapse_refusal
from nodeops.logstore.intents import open_journal
from nodeops.logstore.seal import drain

MEGA = 10**6
UNIQUE_BYTES = 16 * MEGA
RATE = 60_000
STREAM = "bench"
# How often a guard looks, and how much of a log it leaves alone.
LOOK_SECONDS, KEEP_BYTES = 0.5, 8 << 20
# A node's logger in little: one write for each line, so many lines each millisecond; it catches up when it was held up.
WRITER = """
import os, sys, time
path, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
text = b"I[2026-11-25|13:32:19.123] executed block module=state height=%012d num_valid_txs=3 hash=0123456789ABCDEF\\n"
number, late, inside, began = 0, 0.0, 0.0, time.perf_counter()
while (now := time.perf_counter()) - began < seconds:
    due = int((now - began) * rate) if rate else number + 100
    for number in range(number, due):
        os.write(handle, text % number)
    after = time.perf_counter()
    number, late, inside = due, max(late, after - now), inside + after - now
    if rate:
        time.sleep(0.001)
print(number, time.perf_counter() - began, late, inside)
"""


# Sealing in a process of its own, on one core, so that its time and memory are told alone.
SEALER = """
import os, sys, time
from pathlib import Path
from nodeops.logstore.intents import open_journal
from nodeops.logstore.seal import drain
def most():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
live, sealed = map(Path, sys.argv[1:])
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
with open_journal(sealed / ".journal", "bench", sealed) as journal:
    before, began = most(), time.perf_counter()
    size = sum(one.size for one in drain(live, sealed, journal, "bench", 0, time.time))
print(size, time.perf_counter() - began, before, most())
"""


@dataclass(frozen=True)
class Cost:
    """What a run took: seconds on the clock, seconds of processor, bytes of result."""

    wall: float
    cpu: float
    size: int


def log_bytes(size: int) -> Iterator[bytes]:
    """Yield a ledger's log: hashes are random, so it compresses about as real ones do; repeated beyond every window."""
    chance, lines, length = random.Random(1), [], 0  # noqa: S311 - the same log every time
    while length < UNIQUE_BYTES:
        words = f"module={chance.choice(['state', 'consensus', 'p2p', 'mempool'])} height={chance.randrange(10**7)}"
        seconds = f"{chance.randrange(60):02d}:{chance.random() * 60:06.3f}"
        lines.append(f"I[2026-11-25|13:{seconds}] executed block {words} hash={chance.randbytes(32).hex().upper()}\n".encode())
        length += len(lines[-1])
    unique = b"".join(lines)
    while size > 0:
        yield unique[:size]
        size -= len(unique)


def run(words: Sequence[str], source: Path, target: Path) -> Cost:
    """Run a command from a file into a file, bring that to the disk, and return what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with source.open("rb") as given, target.open("wb") as taken:
        subprocess.run(words, stdin=given, stdout=taken, check=True)
        os.fsync(taken.fileno())
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(wall, cpu, target.stat().st_size)


def compression(folder: Path, size: int) -> None:
    """Print what sealing costs beside gzip. The start of Python is in our processor time, not in our rate."""
    live, sealed, said = folder / "bench.log", folder / "sealed", folder / "said"
    sealed.mkdir()
    with live.open("wb") as file:
        file.writelines(log_bytes(size))
        os.fsync(file.fileno())
    theirs = run(["gzip", "-6"], live, folder / "bench.gz")
    ours = run([sys.executable, "-c", SEALER, str(live), str(sealed)], live, said)
    stored, wall, before, most = map(float, said.read_text().split())
    for name, cost in (("gzip -6", theirs), ("sealed", Cost(wall, ours.cpu, int(stored)))):
        rates = f"{size / MEGA / cost.wall:6.0f} MB/s, {cost.cpu / size * 1e9:6.2f} CPU-s/GB"
        say(f"{name:10} {rates}, {size / cost.size:.2f} times smaller")
    say(f"{'ratio':10} 1/{theirs.cpu / ours.cpu:.1f} of gzip's processor time, {stored / theirs.size:.2f} of its size")
    say(f"{'memory':10} {before:.0f} MiB before the first cut, {most:.0f} MiB at most")


def writer(live: Path, rate: int, seconds: float) -> subprocess.Popen[str]:
    """Start a writer with a log of its own."""
    words = [sys.executable, "-c", WRITER, str(live), str(rate), str(seconds)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def written(folder: Path, rate: int, seconds: float, sealing: bool) -> tuple[float, float, float]:
    """Return lines a second, the longest hold-up and the share of time inside of writing, with and without a guard beside it."""
    live = Path(tempfile.mkdtemp(dir=folder)) / "bench.log"
    sealed = live.with_name("sealed")
    sealed.mkdir()
    process = writer(live, rate, seconds)
    guard = os.fork() if sealing else 0
    if sealing and not guard:
        guard_until_killed(live, sealed)
    text, _ = process.communicate()
    if guard:
        os.kill(guard, signal.SIGKILL)
        os.waitpid(guard, 0)
    lines, took, late, inside = map(float, text.split())
    shutil.rmtree(live.parent)
    return lines / took, late, inside / took


def guard_until_killed(live: Path, sealed: Path) -> None:
    """Drain a log over and over, as the guard does."""
    while True:
        time.sleep(LOOK_SECONDS)
        with open_journal(sealed / ".journal", STREAM, sealed) as journal:
            for _ in drain(live, sealed, journal, STREAM, KEEP_BYTES, time.time):
                pass


def slowdown(folder: Path, seconds: float) -> None:
    """Print what a writer feels of the sealing, in turns, so that what else happens on the machine hits both."""
    for rate, name in ((RATE, f"at {RATE} lines/s"), (0, "at full speed")):
        turns = [(written(folder, rate, seconds, False), written(folder, rate, seconds, True)) for _ in range(3)]
        alone, beside = ([statistics.median(turn[side][part] for turn in turns) for part in range(3)] for side in (0, 1))
        slower = 100 * (1 - beside[0] / alone[0])
        say(f"writer {name}: {alone[0]:.0f} lines/s alone, {beside[0]:.0f} while sealed: {slower:.1f} % slower")
        say(f"  longest hold-up {alone[1] * 1e3:.0f} ms alone, {beside[1] * 1e3:.0f} ms while sealed")
        say(f"  writing {100 * alone[2]:.1f} % of the time alone, {100 * beside[2]:.1f} % while sealed")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run all of it in a folder that is removed afterwards."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=int, default=512)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = arguments.parse_args()
    if refusal := collapse_refusal(given.folder):
        sys.exit(f"{given.folder}: {refusal}")
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        compression(Path(name), given.megabytes * MEGA)
        slowdown(Path(name), given.seconds)


if __name__ == "__main__":
    main()
