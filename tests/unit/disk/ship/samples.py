"""Sealed segments as files, and a remote of a real rclone for them."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from nodeops.disk.ship.rules import ShipSettings
from nodeops.logstore.naming import Segment

needs_rclone = pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not installed: apt-get install rclone")


def segment(folder: Path, number: int, size: int = 3000) -> Segment:
    """Return a segment whose file holds random bytes, written into a folder."""
    start, end = number * 1000, number * 1000 + 1000
    name = f"ledger.{start:016x}-{end:016x}.zst"
    data = os.urandom(size)
    folder.joinpath(name).write_bytes(data)
    stored = hashlib.sha256(data).hexdigest()
    return Segment("ledger", start, end, 10, 100.0 + number, 101.0 + number, "0" * 64, stored, size, name)


def configuration(folder: Path, text: str) -> Path:
    """Return a root-only rclone configuration."""
    path = folder / "rclone.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def local_remote(folder: Path) -> tuple[ShipSettings, Path]:
    """Return a remote whose files are in a folder of this machine, and that folder."""
    kept = folder / "kept"
    kept.mkdir()
    return ShipSettings("vault:logs", configuration(folder, f"[vault]\ntype = alias\nremote = {kept}\n")), kept / "logs"


def dark_remote(folder: Path) -> tuple[ShipSettings, Path]:
    """Return a remote that knows no checksum (crypt), and the folder with its files of other names."""
    kept = folder / "kept"
    kept.mkdir()
    word = subprocess.run(["rclone", "obscure", "a test, no secret"], check=True, capture_output=True, text=True).stdout.strip()
    text = f"[dark]\ntype = crypt\nremote = {kept}\npassword = {word}\nfilename_encryption = off\n"
    return ShipSettings("dark:logs", configuration(folder, text)), kept / "logs"


def damage(path: Path) -> None:
    """Change one byte in the middle of a file; its size and its times stay."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(times.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
