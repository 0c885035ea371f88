"""Floods, and who looks at disks meanwhile: not the guard itself, but statfs(2) on each host, five times a second."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hosts

import nodeops.lab

LOG = "/var/log/ledger/ledger.log"
LOG_PLACE = "/var/log/ledger"
FIGURES = hosts.ROOT / "build/disk/figures.json"
WRITER = (Path(nodeops.lab.__file__).parent / "flood/writer.py").read_text(encoding="utf-8")
# Blocks in use, and those that anyone may still use: the percents that df(1) shows.
_WATCH = "while sleep 0.2; do stat -f -c '%n %b %f %a' / /var/log/ledger /var/lib/ledger; done"
# Takes the room of a filesystem for a folder of somebody else's, all but so many mebibytes. Where the filesystem is not there it
# would be the machine's own disk, with all that other hosts have on it.
FILL = """
import os, sys
folder, left = sys.argv[1], int(sys.argv[2]) << 20
os.path.ismount(os.path.dirname(folder)) or sys.exit(f"nothing is mounted at {os.path.dirname(folder)}")
os.makedirs(folder, exist_ok=True)
facts = os.statvfs(folder)
room = facts.f_bavail * facts.f_frsize - left
if room > 0:
    with open(f"{folder}/{len(os.listdir(folder))}", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, room)
"""
_NUMBERS = r"""
import json, re, subprocess
words = ["nodeops", "logs", "show", "--grep", r"\] flood [0-9]{12} "]
first = last = count = wrong = 0
with subprocess.Popen(words, stdout=subprocess.PIPE) as shown:
    for line in shown.stdout:
        number = int(line.split(b"] flood ", 1)[1][:12])
        wrong += bool(count) and number != last + 1
        first, last, count = first or number, number, count + 1
print(json.dumps({"first": first, "last": last, "count": count, "wrong": wrong, "code": shown.returncode}))
"""


def flood(node: str, rate: float, seconds: float) -> dict[str, float]:
    """Write numbered lines into a node's log, beside the ledger; return what the writer says."""
    written: dict[str, float] = json.loads(
        hosts.script(node, WRITER, LOG, str(rate), str(seconds), "ledger", seconds=int(seconds) + 300)
    )
    return written


def numbers(node: str) -> dict[str, int]:
    """Return which numbers of a flood a reader of the log gets: first, last, how many, and how often one does not follow."""
    found: dict[str, int] = json.loads(hosts.script(node, _NUMBERS))
    return found


def assert_all_lines_are_accounted_for(node: str, written: int) -> dict[str, int]:
    """Fail unless the log gives each number of a flood once and in order, up to the last; and every byte before has a receipt."""
    proof = hosts.verb(node, "disk", "verify")
    assert {one["verdict"] for one in proof["findings"]} == {"pass"}, proof
    found = numbers(node)
    assert found["wrong"] == 0 and found["code"] == 0, found
    assert (found["last"], found["count"]) == (written, written - found["first"] + 1), found
    return found


def remember(**figures: object) -> None:
    """Keep figures for benchmarks/RESULTS.md: what a test measured, beside what it asserts."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    FIGURES.write_text(json.dumps({**known, **figures}, indent=2), encoding="utf-8")


def status(node: str) -> Any:
    """Return what the guard of a host says."""
    return hosts.verb(node, "disk", "status", codes=(0, 1))


def log_place(node: str) -> Any:
    """Return what the guard says of the log's filesystem."""
    return next(one for one in status(node)["filesystems"] if "log" in one["uses"])


def wait_for(what: str, holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds; fail after so many seconds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        # Who asks is a login and a Python: asked all the time, it would take a core from those who are waited for.
        time.sleep(1)


def is_calm(node: str) -> bool:
    """Tell whether a guard has nothing more to do."""
    said = status(node)
    return not said["plan"]["actions"] and not said["alarms"] and log_place(node)["used_percent"] < 85


@contextmanager
def fullest() -> Iterator[dict[str, float]]:
    """Give the highest percent that each filesystem of each host reached meanwhile; filled in at the end of the block."""
    found: dict[str, float] = {}
    with hosts.begun(dict.fromkeys(hosts.NODES, _WATCH)) as running:
        yield found
    for node, said in running.items():
        for line in said.splitlines():
            place, total, free, available = line.split()
            used = int(total) - int(free)
            percent = 100 * used / (used + int(available))
            found[f"{node} {place}"] = max(percent, found.get(f"{node} {place}", 0.0))


@contextmanager
def repeated(work: Callable[[], object], every_seconds: float) -> Iterator[list[object]]:
    """Do something again and again in the background while the block runs; give what it returned."""
    done: list[object] = []
    enough = threading.Event()

    def go_on() -> None:
        while not enough.wait(every_seconds):
            done.append(work())

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield done
    finally:
        enough.set()
        thread.join()
