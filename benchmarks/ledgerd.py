"""Print how fast records are written, what ledgerd costs and what a flood by a member does, as sections for RESULTS.md."""

import sys

from disk_guard import ROOT, said


def section() -> list[str]:
    """Measure all three, a few minutes, and return the sections."""
    records = said([sys.executable, "-m", "benchmarks.records.rate"]).splitlines()
    costs, flood = (said([sys.executable, str(ROOT / f"benchmarks/{name}.py")]) for name in ("applications", "member_flood"))
    rate = "Three authors at once, one validator on loopback (`python -m benchmarks.records.rate`):"
    beside = "Four validators of each on loopback, in the same minutes (`benchmarks/applications.py`):"
    flooded = "A member floods while another organisation writes records, one after the other (`benchmarks/member_flood.py`):"
    told = ["```", *flood.splitlines(), "```", ""]
    return ["## Records", "", rate, "", "```", *records, "```", "", "## ledgerd", "", beside, "", costs, flooded, "", *told]
