#!/usr/bin/python3
"""Verify, unpack and switch to an agent tree: run nodeops/agent/install.py, which needs only the host's Python."""

import json
import sys

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
"""

RETURN = r"""
digest: {description: Name of the tree that is current., type: str, returned: always}
"""


def main() -> None:
    """Install."""
    paths = ("installer", "archive", "root", "command")
    module = AnsibleModule(
        {
            **{name: {"type": "path", "required": True} for name in paths},
            "sha256": {"type": "str", "required": True},
            "digest": {"type": "str", "required": True},
        }
    )
    given = module.params
    options = [f"--{name}={given[name]}" for name in ("sha256", "root", "command", "digest")]
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
