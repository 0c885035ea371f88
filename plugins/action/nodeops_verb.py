"""Run a verb of the agent on a host; say in our words what a host lacks that no verb can run without."""

from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from nodeops.fleet.ansible_words import explained


class ActionModule(ActionBase):
    """Run the module of the same name."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the module's answer."""
        super().run(tmp, task_vars)
        try:
            result: dict[str, Any] = self._execute_module(task_vars=task_vars)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            result = {"failed": True, "msg": str(error)}
        return explained(result)
