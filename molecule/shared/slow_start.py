"""A source of ledgerd that takes its time to start, as one does that has much to read: a copy with one more file."""

import shutil
from pathlib import Path

_FILE = """package main

import (
	"os"
	"time"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "node" {
		time.Sleep(%d * time.Second)
	}
}
"""


def changed(source: Path, folder: Path, seconds: int) -> Path:
    """Return a copy of ledgerd's source below a folder whose program does nothing for so many seconds when it is started."""
    copy = shutil.copytree(source, folder / "ledgerd-slow")
    (copy / "slow_start.go").write_text(_FILE % seconds, encoding="utf-8")
    return copy
