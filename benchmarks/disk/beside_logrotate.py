"""The guard's way to make a log smaller beside logrotate's (copytruncate, gzip) in the same run, on a loop ext4; as root.

python benchmarks/disk/beside_logrotate.py [--seconds 10] [--megabytes 256] [--kills 10]. What is compared: lines lost under a
writer, bytes freed on a full disk, processor seconds for each GB, lines that are left after kill -9 in the middle.
"""

import argparse
import gzip
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from seal import MEGA, RATE, STREAM, log_bytes, say, writer

from nodeops.logstore import segment
from nodeops.logstore.intents import open_journal
from nodeops.logstore.recover import recover

# How often each side makes the log smaller while somebody writes it, and what the full disk has left.
EVERY_SECONDS, LEFT_BYTES = 1.0, 10 << 20
IMAGE_BYTES = 768 << 20
_HEIGHT = re.compile(rb"height=(\d{12})")
# The options that logrotate(8) recommends for a writer that cannot be told to open its log again.
_CONFIGURATION = "{live} {{\n  size 1\n  rotate 100000\n  copytruncate\n  compress\n  missingok\n  nocreate\n}}\n"
_DRAIN = """
import sys, time
from pathlib import Path
from nodeops.logstore.intents import open_journal
from nodeops.logstore.recover import recover
from nodeops.logstore.seal import drain
live, sealed = map(Path, sys.argv[1:])
with open_journal(sealed / ".journal", "bench", sealed) as journal:
    recover(live, sealed, journal)
    for _ in drain(live, sealed, journal, "bench", 0, time.time):
        pass
"""


@dataclass(frozen=True)
class Logrotate:
    """Debian's logrotate with a configuration of its own."""

    folder: Path
    name = "logrotate"

    def words(self, live: Path) -> Sequence[str]:
        """Return the command that makes a log smaller once."""
        rules = self.folder / "logrotate.conf"
        rules.write_text(_CONFIGURATION.format(live=live))
        rules.chmod(0o644)
        return ["logrotate", "--force", "--state", str(self.folder / "state"), str(rules)]

    def pieces(self, live: Path) -> Iterator[bytes]:
        """Yield all that is left of a log, oldest first. A file that gzip did not finish gives nothing."""
        for path in sorted(live.parent.glob(f"{live.name}*"), key=_age, reverse=True):
            with suppress(EOFError, gzip.BadGzipFile):
                yield gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _age(path: Path) -> int:
    """Return which rotation a file is of: 0 for the live log."""
    found = re.search(r"\.log\.(\d+)", path.name)
    return int(found[1]) if found else 0


@dataclass(frozen=True)
class Guard:
    """The guard's own drain, in a process of its own that begins anew each time."""

    folder: Path
    name = "nodeops"

    @property
    def sealed(self) -> Path:
        """Return the folder of segments."""
        (self.folder / "sealed").mkdir(exist_ok=True)
        return self.folder / "sealed"

    def words(self, live: Path) -> Sequence[str]:
        """Return the command that makes a log smaller once."""
        return [sys.executable, "-c", _DRAIN, str(live), str(self.sealed)]

    def pieces(self, live: Path) -> Iterator[bytes]:
        """Yield all that is left of a log, after the recovery that every start of the guard begins with."""
        with open_journal(self.sealed / ".journal", STREAM, self.sealed) as journal:
            recover(live, self.sealed, journal)
        for path in sorted(self.sealed.glob("*.zst")):
            yield b"".join(segment.open_plain(path))
        yield live.read_bytes()


Side = Logrotate | Guard


@contextmanager
def disk() -> Iterator[Path]:
    """Give a new ext4 in a file, with what one side needs for itself beside the log."""
    with tempfile.TemporaryDirectory() as name:
        image, folder = Path(name) / "image", Path(name) / "disk"
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, folder], check=True)
        try:
            yield folder
        finally:
            # Lazily: after an error a writer may still have its log open.
            subprocess.run(["umount", "--lazy", folder], check=True)


def sides(folder: Path) -> Iterator[tuple[Side, Path]]:
    """Yield each side with a log that is its own."""
    for kind in (Logrotate, Guard):
        own = folder / kind.name
        own.mkdir(mode=0o755)
        yield kind(own), own / "bench.log"
        shutil.rmtree(own)


def lost(side: Side, live: Path, written: int) -> tuple[int, int]:
    """Return how many of the numbered lines are gone, and how many are there twice."""
    # Joined first: a cut may go through a line.
    found = [int(number) for number in _HEIGHT.findall(b"".join(side.pieces(live)))]
    return written - len(set(found)), len(found) - len(set(found))


def under_a_writer(side: Side, live: Path, seconds: float) -> None:
    """Print the lines lost while somebody writes and the log is made smaller once a second."""
    process = writer(live, RATE, seconds)
    while process.poll() is None:
        time.sleep(EVERY_SECONDS)
        subprocess.run(side.words(live), check=True, capture_output=True)
    written = int(process.communicate()[0].split()[0])
    gone, twice = lost(side, live, written)
    say(f"{side.name:10} {written} lines at {RATE}/s, made smaller each second: {gone} lost, {twice} twice")


def on_a_full_disk(side: Side, live: Path) -> None:
    """Print what is freed where the log itself has filled the disk."""
    room = os.statvfs(live.parent)
    with live.open("wb") as file:
        file.writelines(log_bytes(room.f_bavail * room.f_frsize - LEFT_BYTES))
        os.fsync(file.fileno())
    before = os.statvfs(live.parent)
    done = subprocess.run(side.words(live), check=False, capture_output=True)
    after = os.statvfs(live.parent)
    freed = (after.f_bavail - before.f_bavail) * after.f_frsize
    used, left = live_size(before), LEFT_BYTES >> 20
    say(f"{side.name:10} a log of {used} MB, {left} MiB left: freed {freed / MEGA:.0f} MB, exit code {done.returncode}")


def live_size(facts: os.statvfs_result) -> int:
    """Return how much of a disk is used, in MB."""
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize // MEGA


def processor(side: Side, live: Path, megabytes: int) -> float:
    """Print and return the processor seconds for each GB of log, the start of the program included."""
    with live.open("wb") as file:
        file.writelines(log_bytes(megabytes * MEGA))
        os.fsync(file.fileno())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(side.words(live), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / megabytes * 1000
    say(f"{side.name:10} {cost:.1f} CPU-s/GB")
    return cost


def killed(side: Side, live: Path, kills: int, megabytes: int) -> None:
    """Print what is left of a log when the one that makes it smaller is killed at a random moment."""
    shares, chance = [], random.Random(3)  # noqa: S311 - the same moments every time
    for _ in range(kills):
        numbered(live, megabytes)
        written = live.stat().st_size // len(_LINE % 0)
        process = subprocess.Popen(side.words(live), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(0.1 + chance.random() * megabytes / 100)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # What the next hours bring: it is run again, as the timer does.
        subprocess.run(side.words(live), check=False, capture_output=True)
        gone, _ = lost(side, live, written)
        shares.append(100 * gone / written)
        for path in (*live.parent.glob(f"{live.name}*"), *live.parent.glob("state*")):
            path.unlink()
        shutil.rmtree(live.parent / "sealed", ignore_errors=True)
    say(f"{side.name:10} kill -9 at {kills} moments, then run again: {min(shares):.1f} to {max(shares):.1f} % of the lines lost")


_LINE = b"I[2026-11-25|13:32:19.123] executed block module=state height=%012d num_valid_txs=3 hash=0123456789ABCDEF\n"


def numbered(live: Path, megabytes: int) -> None:
    """Write a log of numbered lines."""
    count = megabytes * MEGA // len(_LINE % 0)
    with live.open("wb") as file:
        file.writelines(b"".join(_LINE % number for number in range(at, min(count, at + 10000))) for at in range(0, count, 10000))


def main() -> None:
    """Compare all four."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--megabytes", type=int, default=256)
    arguments.add_argument("--kills", type=int, default=10)
    given = arguments.parse_args()
    with disk() as folder:
        for side, live in sides(folder):
            under_a_writer(side, live, given.seconds)
        for side, live in sides(folder):
            on_a_full_disk(side, live)
        costs = [processor(side, live, given.megabytes) for side, live in sides(folder)]
        say(f"{'ratio':10} 1/{costs[0] / costs[1]:.1f} of logrotate's processor time")
        for side, live in sides(folder):
            killed(side, live, given.kills, min(given.megabytes, 100))


if __name__ == "__main__":
    main()
