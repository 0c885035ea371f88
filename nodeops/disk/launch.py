"""Start the guard as a small process: the policy is resolved here, with everything that needs, and handed over as a file."""

import json
import os
import sys
from pathlib import Path

import nodeops
from nodeops.disk.policy import Policy, dumped
from nodeops.host.files import write_atomic

# No site packages, no environment, nothing written beside the tree; only the folders that this process was started with.
_CODE = "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); from nodeops.disk.guard import main; main(sys.argv[2])"


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
