"""Fetch or build the ledger's binary for the hosts of a run, on the controller, unless they cannot go over to it. Nothing of a
host is touched."""

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from nodeops.artifacts.fetch import fetch
from nodeops.core.errors import NodeopsError
from nodeops.ledger.jumps import refuse_jumps


class ActionModule(ActionBase):
    """A door to nodeops.artifacts.fetch."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"ledger", "override", "hosts", "links", "voted"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `ledger`, the binary by machine architecture; fail before any host changes."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "ledger": {"type": "dict", "required": True},
                "override": {"type": "dict", "default": {}},
                "hosts": {"type": "list", "elements": "dict", "required": True},
                "links": {"type": "dict", "default": {}},
                "voted": {"type": "bool", "default": False},
            }
        )
        ledger, override = arguments["ledger"], arguments["override"] or None
        machines = sorted({str(host["architecture"]) for host in arguments["hosts"]})
        installed = {str(name): links.get(ledger["paths"]["current"]) for name, links in arguments["links"].items()}
        try:
            refuse_jumps(str(ledger["platform"]), str(ledger["version"]), installed, voted=arguments["voted"])
            return {"changed": False, "ledger": {machine: self._binary(ledger, machine, override) for machine in machines}}
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}

    def _binary(self, ledger: dict[str, Any], machine: str, override: Any) -> dict[str, str]:
        found = fetch(str(ledger["platform"]), str(ledger["version"]), arch=machine, override=override, say=Display().display)
        return {"path": str(found.path), "sha256": found.sha256}
