"""Filesystems, segments and situations for tables of cases."""

from dataclasses import replace

from nodeops.disk.model import Hold, Retention, Stage
from nodeops.disk.policy.plan import Asked, LiveLog, Place, Situation
from nodeops.disk.policy.retention import Shelf
from nodeops.disk.policy.stages import defaults, last_resort
from nodeops.host.filesystem import Filesystem
from nodeops.logstore.naming import Segment

GIB, MIB = 1 << 30, 1 << 20
NOW = 1_800_000_000.0
MARKS, LAST = defaults(), last_resort()


def filesystem(used_percent, total=256 * MIB, inodes_percent=0.0, mount="/var/log/ledger"):
    free = int(total * (100 - used_percent) / 100)
    return Filesystem(mount, 1, "ext4", total, free, 1000, int(1000 - 10 * inodes_percent))


def segment(number, size=4 * MIB, began=NOW - 3600, ended=NOW - 1800):
    start, end = number * 16 * MIB, (number + 1) * 16 * MIB
    return Segment("ledger", start, end, 10, began, ended, "p", "s", size, f"ledger.{start:016x}-{end:016x}.zst")


def shelf(
    count=10, holds=(), shipped=(), keep_bytes=8 * MIB, max_bytes=GIB, max_age=86400.0, required=False, lossy=False, **fields
):
    segments = [segment(number, **fields) for number in range(count)]
    return Shelf(segments, holds, set(shipped), Retention(max_age, max_bytes, keep_bytes), required, lossy)


def hold(since, until):
    return Hold("h1", since, until, "Zhang Wei", "an audit", NOW)


def live(size=0, oldest=0.0, sealable=True):
    return LiveLog(size, oldest, sealable, 64 * MIB, 3600.0)


def situation(used_percent, stage=None, log=None, kept=None, uses=("log",), **fields):
    place = filesystem(used_percent)
    reached = max([Stage.NORMAL, *(one.stage for one in MARKS if used_percent >= one.percent)]) if stage is None else stage
    seen = Situation(
        [Place(place, reached, uses)], log or live(), kept or shelf(0), MARKS, LAST, NOW, False, True, False, Asked()
    )
    return replace(seen, **fields)
