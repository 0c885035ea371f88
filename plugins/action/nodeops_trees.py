"""Build the agent's trees for the hosts of a run, on the controller. Nothing of a host is touched."""

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from nodeops.agent.build import build
from nodeops.core.errors import NodeopsError


class ActionModule(ActionBase):
    """A door to nodeops.agent.build."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"hosts"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `trees` by `<python>-<architecture>`; fail before any host changes."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec({"hosts": {"type": "list", "elements": "dict", "required": True}})
        pairs = {(str(host["python"]), str(host["architecture"])) for host in given["hosts"]}
        try:
            trees = {f"{python}-{machine}": build(python, machine, say=Display().display) for python, machine in sorted(pairs)}
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        plain = {key: {"path": str(tree.path), "digest": tree.digest, "sha256": tree.sha256} for key, tree in trees.items()}
        return {"changed": False, "trees": plain}
