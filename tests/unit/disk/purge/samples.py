"""A host in a folder: a ledger's keys and data that nothing may touch, and sealed segments beside them."""

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodeops.disk.model import Stage
from nodeops.disk.purge.executor import Limits, Purged, Why, purge
from nodeops.logstore.naming import Segment
from nodeops.logstore.segment import Label, write
from nodeops.receipts.book import receipts, verify

MANY = Limits(1000, 1 << 40)
WHY = Why("oldest first", Stage.HIGH, "validator-1")
LOG_BYTES = 200


@dataclass(frozen=True)
class House:
    """Paths of one host: `ledger` and `etc` are the decoys."""

    root: Path

    @property
    def sealed(self) -> Path:
        return self.root / "log/sealed"

    @property
    def receipts(self) -> Path:
        return self.root / "state/receipts.jsonl"

    @property
    def key(self) -> Path:
        return self.root / "ledger/config/priv_validator_key.json"

    def segments(self, count: int, stream: str = "ledger") -> list[Segment]:
        """Seal random bytes into so many segments."""
        log = self.root / "log/live"
        log.write_bytes(os.urandom(LOG_BYTES) + b"\n")
        folder, source = os.open(self.sealed, os.O_RDONLY), os.open(log, os.O_RDONLY)
        try:
            labels = [Label(stream, number * LOG_BYTES, (number + 1) * LOG_BYTES, 1.0, 2.0) for number in range(count)]
            return [write(folder, source, label) for label in labels]
        finally:
            os.close(folder)
            os.close(source)

    def names(self) -> set[str]:
        return {path.name for path in self.sealed.iterdir()}

    def purge(self, wanted: list[Segment], limits: Limits = MANY, **others: object) -> Purged:
        return purge(self.sealed, wanted, limits, self.receipts, WHY, **others)  # type: ignore[arg-type]

    def done(self) -> set[str]:
        """Return the segments whose removal is in the receipts, which must be whole."""
        assert verify(self.receipts)[2] == []
        return {entry.name for entry in receipts(self.receipts) if entry.state == "done"}

    def decoys(self) -> str:
        return digest(self.root / "ledger") + digest(self.root / "etc")


def make_house(root: Path) -> House:
    """Lay out a host."""
    house = House(root)
    for folder in ("log/sealed", "state", "ledger/config/keystore", "ledger/data/state.db", "etc"):
        (root / folder).mkdir(parents=True, mode=0o750)
    house.key.write_text('{"priv_key": "decoy"}')
    (root / "ledger/config/keystore/UTC--2026-01-01").write_text("decoy")
    for name in ("CURRENT", "MANIFEST-000001", "000002.log", "000003.ldb", "LOCK"):
        (root / "ledger/data/state.db" / name).write_bytes(os.urandom(1000))
    (root / "etc/node.json").write_text("{}")
    return house


def digest(tree: Path) -> str:
    """Return a digest of everything in a tree: names, kinds, modes, owners, inodes, links, times of change and content."""
    total = hashlib.sha256()
    for path in sorted([tree, *tree.rglob("*")]):
        facts = path.lstat()
        kind = (facts.st_mode, facts.st_uid, facts.st_gid, facts.st_ino, facts.st_nlink, facts.st_size, facts.st_mtime_ns)
        total.update(repr((str(path), kind)).encode())
        if stat.S_ISREG(facts.st_mode):
            total.update(path.read_bytes())
    return total.hexdigest()


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[Path]:
    """Mount something on a folder, which is made, while the block runs; skip where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *words, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all space of a filesystem, the last byte too, and return the file that does."""
    path = folder / "filler"
    with path.open("ab", buffering=0) as file:
        for size in (1 << 24, 1 << 20, 1 << 16, 1 << 12):
            with suppress(OSError):
                while True:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
        with suppress(OSError):
            while file.write(b"x" * 100):
                pass
    return path
