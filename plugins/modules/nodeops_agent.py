#!/usr/bin/python3
"""Verify, unpack and switch to an agent tree: run nodeops/agent/install.py, which needs only the host's Python."""

import contextlib
import fcntl
import json
import os
import sys
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nodeops_agent
short_description: Install an agent tree and switch to it
description:
  - Ships the archive of a tree and its installer to the host, unless the tree is current there already.
options:
  archive: {description: The tree's archive on the controller; the module finds it copied., type: path, required: true}
  sha256: {description: SHA-256 of the archive., type: str, required: true}
  digest: {description: Name of the tree., type: str, required: true}
  current: {description: Target of the link C(current) as observed before; used on the controller only., type: str}
  root: {description: Folder of all trees., type: path, required: true}
  command: {description: Link to the agent's command., type: path, required: true}
  state: {description: Folder of all states; the host is held by it as by verbs that change it., type: path, required: true}
"""

RETURN = r"""
digest: {description: Name of the tree that is current., type: str, returned: always}
"""

# As nodeops/host/lock.py has it, which a host without an agent cannot import.
_TURN, _TURN_SECONDS, _PAUSE_SECONDS = "turn", 300.0, 0.5


def held(state: Path, seconds: float) -> "int | None":
    """Hold the host as the verbs that change it do, until this process ends, and return the handle; None when it stays taken.

    -1 for a host without the folder of all states: nobody is at work there yet.
    """
    if not state.is_dir():
        return -1
    (state / _TURN).mkdir(mode=0o700, exist_ok=True)
    handle, until = os.open(state / _TURN, os.O_RDONLY | os.O_DIRECTORY), time.monotonic() + seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        if time.monotonic() >= until:
            return None
        time.sleep(_PAUSE_SECONDS)


def main() -> None:
    """Install."""
    paths = ("installer", "archive", "root", "command", "state")
    module = AnsibleModule(
        {
            **{name: {"type": "path", "required": True} for name in paths},
            "sha256": {"type": "str", "required": True},
            "digest": {"type": "str", "required": True},
        }
    )
    given = module.params
    options = [f"--{name}={given[name]}" for name in ("sha256", "root", "command", "digest")]
    if held(Path(given["state"]), _TURN_SECONDS) is None:
        who = "a verb that changes this host has been at work for five minutes, so the agent is not switched beneath it"
        module.fail_json(msg=f"{who}; nodeops agent rollback --wait 0 on the host names it. Run again when it has ended")
    _, out, err = module.run_command([sys.executable, given["installer"], given["archive"], *options])
    try:
        answer = json.loads(out)
    except ValueError:
        answer = {"failed": True, "msg": err.strip() or "the installer said nothing"}
    if answer.get("failed"):
        module.fail_json(msg=f"{answer['msg']}; the agent that was current still is")
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
