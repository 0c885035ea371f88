"""Measure a backup's own ways beside plain restic and, where it is installed, borg: the same files, in the same run.

python benchmarks/backup/beside_restic.py [--megabytes 500] [--runs 3]. Each run begins with empty repositories in a folder.
Ratios count: a second on one machine is not a second on another.
"""

import argparse
import hashlib
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodeops.backup.policy import by_block
from nodeops.backup.restic import Restic

_FILES, _NEW, _GONE = 60, 6, 3
_PASSWORD = "of-a-repository-that-lives-for-a-minute"  # noqa: S105
_HOST = "bench"


@dataclass(frozen=True)
class Way:
    """One engine: how it does each step of a life."""

    name: str
    steps: dict[str, Callable[[], None]]


def file_bytes(number: int, size: int) -> bytes:
    """Return a table of a database in little: half of it random hashes, half of it keys that repeat."""
    chance = random.Random(number)  # noqa: S311 - the same files every time
    keys = b"block-part-key:%08d:" % number * 86
    return b"".join(chance.randbytes(2048) + keys for _ in range(size // (2048 + len(keys)) + 1))[:size]


def fill(folder: Path, first: int, count: int, size: int) -> None:
    """Write so many files."""
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        (folder / f"{number:06}.ldb").write_bytes(file_bytes(number, size))


def change(folder: Path, size: int) -> None:
    """Do what a compaction does: some files go, new ones come."""
    for file in sorted(folder.iterdir())[:_GONE]:
        file.unlink()
    fill(folder, _FILES, _NEW, size)


def run(argv: Sequence[str], environment: dict[str, str], cwd: Path) -> None:
    """Run a command that must succeed, without its words."""
    subprocess.run(argv, env={**os.environ, **environment}, cwd=cwd, check=True, capture_output=True)


def ours(at: Path, data: Path) -> Way:
    """Return this project's way: whole snapshots with a mark, every byte of a restore compared."""
    engine = Restic({"RESTIC_REPOSITORY": str(at / "ours"), "RESTIC_PASSWORD": _PASSWORD})

    def save() -> None:
        engine.backup([str(data)], _HOST, {"class": "b"})

    def restore() -> None:
        engine.restore(engine.snapshots(_HOST)[-1].id, at / "ours-back")

    def verify() -> None:
        if damage := engine.check():
            raise SystemExit(damage)

    def drill() -> None:
        newest = by_block(engine.snapshots(_HOST))[-1].id
        engine.restore_size(newest)
        engine.restore(newest, at / "ours-drill")
        read_and_remove(at / "ours-drill")

    steps = {"begin": engine.init, "full": save, "incremental": save, "verify": verify, "restore": restore, "drill": drill}
    return Way("nodeops", steps)


def read_and_remove(folder: Path) -> None:
    """Take the digest of every file, as a drill does, and remove them."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                hashlib.file_digest(opened, "sha256")
    shutil.rmtree(folder)


def restic(at: Path, data: Path) -> Way:
    """Return plain restic's way."""
    environment = {"RESTIC_REPOSITORY": str(at / "restic"), "RESTIC_PASSWORD": _PASSWORD}

    def step(*words: str) -> Callable[[], None]:
        return lambda: run(["restic", "--no-cache", *words], environment, at)

    save = step("backup", str(data))
    back = step("restore", "latest", "--verify", f"--target={at / 'restic-back'}")
    into = step("restore", "latest", "--verify", f"--target={at / 'restic-drill'}")

    def drill() -> None:
        into()
        read_and_remove(at / "restic-drill")

    verify = step("check", "--read-data")
    steps = {"begin": step("init"), "full": save, "incremental": save, "verify": verify, "restore": back, "drill": drill}
    return Way("restic", steps)


def borg(at: Path, data: Path) -> Way:
    """Return borg's way; its repository is encrypted too."""
    environment = {"BORG_REPO": str(at / "borg"), "BORG_PASSPHRASE": _PASSWORD, "BORG_BASE_DIR": str(at / "borg-base")}
    back, into = at / "borg-back", at / "borg-drill"
    back.mkdir()

    def step(*words: str, cwd: Path = at) -> Callable[[], None]:
        return lambda: run(["borg", *words], environment, cwd)

    def drill() -> None:
        into.mkdir()
        step("extract", "::second", cwd=into)()
        read_and_remove(into)

    return Way(
        "borg",
        {
            "begin": step("init", "--encryption=repokey-blake2"),
            "full": step("create", "::first", str(data)),
            "incremental": step("create", "::second", str(data)),
            "verify": step("check", "--verify-data"),
            "restore": step("extract", "::second", cwd=back),
            "drill": drill,
        },
    )


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds on the clock and of processor that something took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_run(megabytes: int, at: Path, found: dict[tuple[str, str], list[tuple[float, float]]]) -> None:
    """Let each engine live once, step by step side by side."""
    data, size = at / "data", megabytes * 10**6 // _FILES
    fill(data, 0, _FILES, size)
    ways = [ours(at, data), restic(at, data), *([borg(at, data)] if shutil.which("borg") else [])]
    for step in ways[0].steps:
        if step == "incremental":
            change(data, size)
        for way in ways:
            found.setdefault((step, way.name), []).append(measured(way.steps[step]))


def table(megabytes: int, runs: int) -> Iterator[str]:
    """Measure, and yield a table: medians of all runs."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            one_run(megabytes, Path(folder), found)
    plain = {key[0]: medians(times) for key, times in found.items() if key[1] == "restic"}
    yield f"{megabytes} MB in {_FILES} files, {_NEW} new and {_GONE} gone before the incremental one, median of {runs} runs:"
    yield from ("", "| step | engine | seconds | CPU | seconds beside restic | CPU beside restic |", "|---|---|---|---|---|---|")
    for (step, name), times in found.items():
        (wall, cpu), (wall_of_plain, cpu_of_plain) = medians(times), plain[step]
        yield f"| {step} | {name} | {wall:.1f} | {cpu:.1f} | {wall / wall_of_plain:.2f} | {cpu / cpu_of_plain:.2f} |"


def medians(times: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the medians of seconds and of seconds of processor."""
    return statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    for line in table(given.megabytes, given.runs):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
