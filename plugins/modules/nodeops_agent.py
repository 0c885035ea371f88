#!/usr/bin/python3
"""Verify, unpack and switch to an agent tree: a door to nodeops/agent/install.py, which needs only the host's Python."""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# Relative, so that it is found both in the checkout and in the collection.
from ..module_utils.nodeops_install import InstallError, install

DOCUMENTATION = r"""
module: nodeops_agent
short_description: Install an agent tree and switch to it
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
    names = ("sha256", "digest")
    paths = ("archive", "root", "command")
    module = AnsibleModule(
        {
            **{name: {"type": "str", "required": True} for name in names},
            **{name: {"type": "path", "required": True} for name in paths},
        }
    )
    given = module.params
    archive, root, command = (Path(given[name]) for name in paths)
    try:
        module.exit_json(**install(archive, given["sha256"], root, command, given["digest"]))
    except InstallError as error:
        module.fail_json(msg=f"{error}; the agent that was current still is")


if __name__ == "__main__":
    main()
