"""ansible-lint for `make check` and `make test`: one process reads the syntax of all playbooks and roles.

ansible-lint starts one for each, some sixty, which is four fifths of its work. It does so here too when the one found anything:
its own words say what and where. `make test-long` has plain ansible-lint.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_compat.runtime import Runtime
from ansiblelint.__main__ import main
from ansiblelint.runner import Runner

_ONE_FOR_EACH = Runner._map_syntax_check_workers
_ASKED_ANSIBLE = Runtime.has_playbook
# Playbooks that were read without fault.
_READ: set[Path] = set()


def _read_at_once(runner: Runner, worker: Callable[[Any], list[Any]], files: list[Any]) -> list[list[Any]]:
    """Return what is wrong with the syntax of playbooks and roles: nothing when one process reads all of them."""
    playbooks = [file.path for file in files if file.kind == "playbook"]
    if not _reads([*playbooks], [file.path for file in files if file.kind == "role"]):
        return _ONE_FOR_EACH(runner, worker, files)
    _READ.update(path.resolve() for path in playbooks)
    return []


def _reads(playbooks: list[Path], roles: list[Path]) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as play:
        play.write("- name: All roles\n  hosts: localhost\n  tasks:\n")
        play.writelines(f"    - ansible.builtin.import_role:\n        name: {role.resolve()}\n" for role in roles)
        play.flush()
        argv = ["ansible-playbook", "--syntax-check", "--inventory", "localhost,", play.name, *map(str, playbooks)]
        return subprocess.run(argv, env=os.environ, capture_output=True, check=False).returncode == 0


def _has_playbook(runtime: Runtime, playbook: str, **given: Any) -> bool:
    """Tell whether an imported playbook can be read, without a process of its own where it was."""
    return Path(playbook).resolve() in _READ or _ASKED_ANSIBLE(runtime, playbook, **given)


if __name__ == "__main__":
    Runner._map_syntax_check_workers = _read_at_once  # type: ignore[method-assign]
    Runtime.has_playbook = _has_playbook  # type: ignore[method-assign]
    sys.exit(main(["ansible-lint", "--offline", "-q"]))
