"""The guard's unit, and the unit that ships: make them run, and run what is configured."""

import json
import os
import sys
from pathlib import Path

import nodeops
from nodeops.core.result import Change
from nodeops.disk.policy.policy import Policy, dumped
from nodeops.document.models import NodeDocument
from nodeops.host.files import write_atomic
from nodeops.host.units.service import observe, plan_restart, plan_start

# No site packages, no environment, nothing written beside the tree; only the folders that this process was started with.
_CODE = "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); from nodeops.disk.guard.guard import main; main(sys.argv[2])"

GUARD = "nodeops-disk.service"
SHIP_TIMER = "nodeops-ship.timer"


def plan(document: NodeDocument) -> list[Change]:
    """Return what must be done for the guard, and for shipping where it is chosen, to run now and after a boot."""
    guard = observe(GUARD)
    changes = plan_start(guard) if not guard.stale else plan_restart(guard, only_if_stale=True)
    if document.limits.disk.ship:
        changes += plan_start(observe(SHIP_TIMER))
    return changes


def command(policy_file: Path) -> list[str]:
    """Return the command of a guard."""
    folders = [str(Path(nodeops.__file__).parent.parent), *(path for path in sys.path if path)]
    return [sys.executable, "-IBS", "-c", _CODE, json.dumps(folders), str(policy_file)]


def become_guard(policy: Policy) -> None:
    """Replace this process by the guard. Raise HostError when the policy cannot be written."""
    folder = Path(policy.run)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    file = folder / "policy.json"
    write_atomic(file, dumped(policy).encode(), 0o600)
    words = command(file)
    os.execv(words[0], words)  # noqa: S606 - no shell: this very Python with a list of words
