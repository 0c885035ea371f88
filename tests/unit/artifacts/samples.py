"""A small program to fetch, and the calls that fetch it into a cache of the test."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from nodeops.artifacts import fetch

VERSION = "v0.38.21"
PROGRAM = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little") + bytes(range(256)) * 4096
SHA256 = hashlib.sha256(PROGRAM).hexdigest()
TARGET = f"linux-amd64-{SHA256[:16]}"
WHOLE = [f"cometbft/{VERSION}/{TARGET}/{name}" for name in ("cometbft", "manifest.json")]


def from_file(path: Path, sha256: str = SHA256) -> dict[str, str]:
    return {"source": "file", "path": str(path), "sha256": sha256}


def from_url(url: str, sha256: str = SHA256) -> dict[str, str]:
    return {"source": "url", "url": url, "sha256": sha256}


def get(cache: Path, override: dict[str, str], **other: object) -> fetch.Artifact:
    return fetch.fetch("cometbft", VERSION, override=override, cache=cache, **other)  # type: ignore[arg-type]


def files(cache: Path) -> list[str]:
    """Return what is in the cache."""
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


CHILD = """
import json, sys
from pathlib import Path
from nodeops.artifacts.fetch import fetch
found = fetch("cometbft", sys.argv[1], override=json.loads(sys.argv[2]), cache=Path(sys.argv[3]))
print(json.dumps({"fresh": found.fresh, "sha256": found.sha256}))
"""


def child(cache: Path, override: dict[str, str]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", CHILD, VERSION, json.dumps(override), str(cache)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)
