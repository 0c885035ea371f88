"""How runs of tests behave: what is long is left out, a skip nobody named fails in CI, and pytest has its last line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.rules.tree import ROOT
from tests.skips import ALLOWED, is_allowed
from tests.tiers import slow
from tests.times import judged, table

TESTS = """
import pytest

@pytest.mark.budget(240)
def test_stated(): pass

@pytest.mark.long
def test_long(): pass

def test_skipped(): pytest.skip("no engine here")

@pytest.mark.skipif(True, reason="the kernel has no Landlock")
def test_allowed(): pass
"""


def run(folder: Path, *words: str, **environment: str) -> list[str]:
    """Run pytest on a few tests with our conftest; return what it printed."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  long\n  budget(seconds)\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NODEOPS_SKIPS": "", **environment}
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout.splitlines()


@slow
def test_what_is_long_is_left_out_and_the_table_stands_above_the_last_line(tmp_path):
    said = run(tmp_path, NODEOPS_TIMES=str(tmp_path / "build/times.json"))
    assert "1 passed, 2 skipped, 1 deselected" in said[-1]
    assert any(line.endswith("test_some.py::test_stated  of 240 s") for line in said)
    again = run(tmp_path, "-m", "long", NODEOPS_TIMES=str(tmp_path / "build/times.json"))
    assert "1 passed, 3 deselected" in again[-1]
    assert any(line.endswith("test_some.py::test_long") and "passed" in line for line in again)
    assert any(line.endswith("test_some.py::test_stated  of 240 s") for line in again), "the session before is in the table"


@slow
def test_a_skip_that_is_not_named_fails_where_that_is_asked_for(tmp_path):
    said = run(tmp_path, NODEOPS_SKIPS="fail")
    assert "1 failed, 1 passed, 1 skipped, 1 deselected" in said[-1]
    assert any("no engine here" in line for line in said)


@slow
def test_lanes_are_one_run_and_a_failure_in_any_of_them_is_its_failure(tmp_path):
    lines = """
import os, pathlib
from tests.tiers import slow
LANE = os.environ["PYTEST_XDIST_WORKER"]
def test_1(): pathlib.Path("{0}").write_text(LANE)
def test_2(): assert pathlib.Path("{0}").read_text() == LANE
def test_3(): assert "{0}" != "b"
"""
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_text(lines.format(name))
    said = run(tmp_path, "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", *(f"test_{name}.py" for name in "abc"))
    assert "1 failed, 8 passed" in said[-1]


def test_every_named_skip_has_its_reason():
    assert all(reason and why for reason, why in ALLOWED.items())
    assert not is_allowed("rclone is not installed")


@pytest.mark.parametrize(("seconds", "said"), [(240, ""), (241, "  over"), (481, "  MORE THAN TWICE")])
def test_a_budget_is_judged(seconds, said):
    assert judged({"seconds": seconds, "budget": 240}) == f"  of 240 s{said}"


def test_a_table_has_budgets_first_then_the_longest_then_the_rest_as_one():
    rows = [{"what": f"f{n}", "seconds": float(n), "budget": 9 if n == 2 else None, "outcome": ""} for n in range(5)]
    assert [line.split()[2:] for line in table(rows, 2)] == [
        ["f2", "of", "9", "s"],
        ["f4"],
        ["f3"],
        ["2", "other", "files"],
        ["in", "all,", "of", "every", "process", "together"],
    ]
