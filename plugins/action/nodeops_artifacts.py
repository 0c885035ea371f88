"""Fetch or build, on the controller, everything that hosts will be given. Nothing of a host is touched."""

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from nodeops.agent.build import build
from nodeops.artifacts.fetch import fetch
from nodeops.core.errors import NodeopsError


class ActionModule(ActionBase):
    """A door to nodeops.artifacts.fetch and nodeops.agent.build."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"ledger", "override", "hosts"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `ledger` by machine architecture and `agent` by `<python>-<architecture>`; fail before any host changes."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "ledger": {"type": "dict", "required": True},
                "override": {"type": "dict", "default": {}},
                "hosts": {"type": "list", "elements": "dict", "required": True},
            }
        )
        try:
            return {"changed": False, **self._all(arguments)}
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}

    def _all(self, arguments: dict[str, Any]) -> dict[str, Any]:
        ledger, override = arguments["ledger"], arguments["override"] or None
        machines = {str(host["architecture"]) for host in arguments["hosts"]}
        pythons = {(str(host["python"]), str(host["architecture"])) for host in arguments["hosts"]}
        binaries = {machine: self._binary(ledger, machine, override) for machine in sorted(machines)}
        trees = {f"{python}-{machine}": build(python, machine, say=Display().display) for python, machine in sorted(pythons)}
        agents = {key: {"path": str(tree.path), "digest": tree.digest, "sha256": tree.sha256} for key, tree in trees.items()}
        return {"ledger": binaries, "agent": agents}

    def _binary(self, ledger: dict[str, Any], machine: str, override: Any) -> dict[str, str]:
        found = fetch(str(ledger["platform"]), str(ledger["version"]), arch=machine, override=override, say=Display().display)
        return {"path": str(found.path), "sha256": found.sha256}
