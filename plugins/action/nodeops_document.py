"""Resolve the document of a host, on the controller."""

import json
import sys
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

try:
    from nodeops.consortium.kept import left
    from nodeops.core.errors import NodeopsError
    from nodeops.document.check import checked_consortium
    from nodeops.document.models import Consortium
    from nodeops.document.profile import load_profile
    from nodeops.document.resolve import host_ports, resolve_host
    from nodeops.document.waivers import load_waivers
    from nodeops.hardening.controls.catalogue import catalogue
except ImportError as error:
    # The door that every run enters first: without this, Ansible shows a traceback.
    folder = Path(__file__).parents[2]
    raise AnsibleError(
        f"{error}. The Python package nodeops must be in the Python that runs Ansible. It comes with the plugins: "
        f"{sys.executable} -m pip install --editable '{folder}[operator]'"
    ) from error


# What a host answers as a fact would count above group_vars and defaults of roles: one that was taken over could name the binary
# that all others are given (ledger_artifact), or the folder that is written to (nodeops_inventory).
_INJECTED = (
    "facts that hosts answer count as variables here, so a host that was taken over could choose what others are given"
    "\n  do: inject_facts_as_vars = false in [defaults] of the ansible.cfg in force. Nothing was changed."
)


class ActionModule(ActionBase):
    """A door to nodeops.document.resolve."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", "node", "choices", "jump_for", "sources"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `document`, and whether its revisions are `agreed` to. Fail with the line of every mistake in its files,
        and where what hosts answer would count as variables.
        """
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "inventory": {"type": "path", "required": True},
                "node": {"type": "str", "required": True},
                "choices": {"type": "dict", "default": {}},
                "jump_for": {"type": "list", "elements": "str", "default": []},
                "sources": {"type": "list", "elements": "str", "default": []},
            }
        )
        if constants.INJECT_FACTS_AS_VARS:
            return {"failed": True, "msg": _INJECTED}
        folder = Path(given["inventory"])
        # Strict models want plain data, not Ansible's tagged values.
        choices = _passing(json.loads(json.dumps(given["choices"], default=str)), [str(each) for each in given["jump_for"]])
        try:
            consortium, _ = checked_consortium(folder)
            agreed = load_profile(consortium.ledger.platform).founding == "group" or bool(consortium.threshold)
            name = str(given["node"])
            if name in consortium.repositories:
                choices = _opened(choices, [str(each) for each in given["sources"]])
            # A host whose node left is still as the newest revision that names it made it.
            known = {*consortium.nodes, *consortium.monitors, *consortium.repositories}
            standing = consortium if name in known else left(folder, consortium).get(name, (None, consortium))[1]
            if standing is not consortium:
                choices = _with_hosts_of(standing, choices)
            document = resolve_host(standing, name, choices, load_waivers(folder, standing, catalogue()))
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        return {"changed": False, "document": document.model_dump(mode="json"), "agreed": agreed}


def _passing(choices: dict[str, Any], jump_for: list[str]) -> dict[str, Any]:
    """Return the choices for a host through which others are reached, chosen so or found in the ssh_config."""
    hardening = choices.get("hardening") or {}
    if not jump_for or not isinstance(hardening, dict):
        return choices
    ends = sorted({*jump_for, *hardening.get("jump_for", [])})
    return {**choices, "hardening": {**hardening, "jump_for": ends}}


def _with_hosts_of(consortium: Consortium, choices: dict[str, Any]) -> dict[str, Any]:
    """Return the choices for a host that left: an older revision has no log hosts that came later."""
    hardening = choices.get("hardening") or {}
    if not isinstance(hardening, dict) or not isinstance(hardening.get("log_hosts"), list):
        return choices
    kept = [one for one in hardening["log_hosts"] if one in consortium.monitors or one in consortium.repositories]
    return {**choices, "hardening": {**hardening, "log_hosts": kept}}


def _opened(choices: dict[str, Any], sources: list[str]) -> dict[str, Any]:
    """Return the choices for a repository which its nodes reach from other networks than their addresses (repository_sources)."""
    firewall = choices.get("firewall") or {}
    if not sources or not isinstance(firewall, dict):
        return choices
    why = "networks from which nodes come to their repository (repository_sources)"
    row = {"port": host_ports("repository")["backups"].port, "sources": sources, "why": why}
    return {**choices, "firewall": {**firewall, "published": [*firewall.get("published", []), row]}}
