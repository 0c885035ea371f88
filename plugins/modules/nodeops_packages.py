#!/usr/bin/python3
"""Install what is missing of Debian packages: run nodeops/host/packages.py, which needs only the host's Python."""

import json
import sys

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nodeops_packages
short_description: Install missing Debian packages, each of them through one door
description:
  - Refreshes lists that are old, waits for whoever holds the package manager and names him, and removes nothing.
  - A package that somebody holds is named with the way out. Check mode reports; python3-apt is not needed.
options:
  names: {description: Debian packages., type: list, elements: str, required: true}
"""

RETURN = r"""
plan: {description: "What was done, or in check mode would be, a line each.", type: list, returned: always}
installed: {description: Packages that were missing., type: list, returned: always}
"""


def main() -> None:
    """Install, or say what would be."""
    module = AnsibleModule(
        {
            "door": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "check": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    words = [sys.executable, given["door"], *(["--check"] if given["check"] else []), *given["names"]]
    _, out, err = module.run_command(words)
    try:
        answer = json.loads(out)
    except ValueError:
        answer = {"failed": True, "msg": err.strip() or "nothing was said"}
    if answer.get("failed"):
        module.fail_json(msg=answer["msg"])
    module.exit_json(**answer, diff={"before": "", "after": "".join(f"{line}\n" for line in answer["plan"])})


if __name__ == "__main__":
    main()
