"""Skips that a full run may have; there every other one is a failure, or a test that never runs would be no loss to anybody.

`.ci/run` asks for that with NODEOPS_SKIPS=fail: it runs as root, on Debian, with all tools. Elsewhere a skip is a skip.
"""

import os
from collections.abc import Mapping
from typing import Any

# The beginning of a skip's reason, and why a full run may have it.
ALLOWED: Mapping[str, str] = {
    "the kernel has no Landlock": "the machine's kernel decides; without it the purge works with one wall less, and says so",
    "this kernel's Landlock does not know truncation": "Landlock before Linux 6.2: the machine's kernel decides",
    "no IPv6 here": "the machine may have been started without IPv6",
    "this machine has no IPv6 loopback": "the machine may have been started without IPv6",
    "the filesystem did not give the number again": "ext4 gives the inode of a removed file to the next one, mostly",
}


def is_allowed(reason: str) -> bool:
    """Tell whether a full run may skip a test for this reason."""
    return reason.startswith(tuple(ALLOWED))


def fail(report: Any) -> None:
    """Make a failure of a skip that is not named, where NODEOPS_SKIPS says so."""
    if os.environ.get("NODEOPS_SKIPS") != "fail" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).removeprefix("Skipped: ")
    if not is_allowed(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped in a run where only what tests/skips.py names may be: {reason}"
