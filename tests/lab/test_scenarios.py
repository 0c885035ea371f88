"""Molecule scenarios of one network. The first one begins from nothing and saves its hosts; others begin with what it saved.

Those with a network of their own are in test_scenarios_apart.py: another file, so that another lane can run them.
"""

import re

import pytest
import yaml

from tests.contract.rules.tree import ROOT
from tests.lab.conftest import command

# The first makes the hosts that the others load.
FIRST = "ledger"
FOUND = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
# What each may take, in seconds: four minutes at most. The table at the end of a run says what it took. One line each: a new
# scenario adds its own.
BUDGETS = {
    FIRST: 240,
    "backup": 240,
    "consortium": 240,
    "disk": 240,
    "firewall": 240,
    "hardening": 240,
    "ledgerd": 240,
    "lifecycle": 240,
    "monitoring": 240,
    "patch": 240,
    "restart": 240,
    "restore": 240,
}
# That of seven is a guess: four rolls and eight of 20 schedules took 50 minutes.
# Those with more to do in `make test-long`: every host, every release, every moment of a kill, floods of minutes.
FULL_BUDGETS = {
    FIRST: 400,
    "backup": 480,
    "disk": 1500,
    "firewall": 400,
    "hardening": 1500,
    "ledgerd": 300,
    "lifecycle": 720,
    "membership": 1500,
    "monitoring": 3300,
    "patch": 480,
    "restart": 360,
    "restore": 900,
    "seven": 7200,
}
MOST_SECONDS = 9000
# All that each said, with what took longest in it.
SAID = ROOT / "build" / "scenarios"


def rows(budgets: dict[str, int], together: bool) -> list[object]:
    """Return a parameter for each scenario that is in one network with the first, or for each that is not."""
    chosen = {name: most for name, most in budgets.items() if (subnet(name) == subnet(FIRST)) == together}
    return [pytest.param(name, marks=pytest.mark.budget(most)) for name, most in chosen.items()]


def subnet(name: str) -> str:
    lab = yaml.safe_load((ROOT / "molecule" / name / "lab.yml").read_text(encoding="utf-8"))
    return str(lab["subnet"])


def test_every_scenario_states_its_budget():
    # One that is long as a whole has no size for every run.
    assert set(BUDGETS) | set(FULL_BUDGETS) == FOUND
    assert max(BUDGETS.values()) <= 240
    assert next(iter(BUDGETS)) == FIRST


@pytest.mark.timeout(MOST_SECONDS + 100)
@pytest.mark.parametrize("name", rows(BUDGETS, together=True))
def test_scenario(name):
    judge(name, full=False)


@pytest.mark.long
@pytest.mark.timeout(MOST_SECONDS + 100)
@pytest.mark.parametrize("name", rows(FULL_BUDGETS, together=True))
def test_scenario_in_full(name):
    judge(name, full=True)


def judge(name: str, full: bool) -> None:
    size = {"NODEOPS_FULL": str(int(full)), "NODEOPS_FIRST_RUN": "check" if full else "syntax"}
    done = command("molecule", "test", "--scenario-name", name, seconds=MOST_SECONDS, **size)
    said = plain(done.stdout + done.stderr)
    SAID.mkdir(parents=True, exist_ok=True)
    (SAID / f"{name}.txt").write_text(said, encoding="utf-8")
    assert done.returncode == 0, why_red(said)


def plain(said: str) -> str:
    """Return what molecule said without its frames and colours."""
    return re.sub(r"^ *[│┌└─]+ ?", "", re.sub(r"\x1b\[[0-9;]*m", "", said), flags=re.M)


def why_red(plain: str) -> str:
    """Return what a run of molecule says of its failures, before all else."""
    failures = plain.partition("= FAILURES")[2].partition("slowest ")[0]
    return f"{failures or plain[-12000:]}"[:12000]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("  │ a\n  │ === FAILURES\n  │ E   1 == 2\n  │ ===== slowest 25\n  │ 3 s\n", " \nE   1 == 2\n"),
        ("  \x1b[2m│\x1b[0m TASK [x]\n\x1b[31mfatal: [alpha-1]\x1b[0m\n", "TASK [x]\nfatal: [alpha-1]"),
    ],
    ids=["a test failed", "a playbook failed"],
)
def test_what_failed_stands_before_what_was_cleaned_up_after_it(said, why):
    assert why.split() == why_red(plain(said)).rstrip("= \n").split()
