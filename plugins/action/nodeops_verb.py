"""Run a verb of the agent on a host; say in our words what a host lacks that no verb can run without, and what the verb says."""

from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from nodeops.core.printable import printable
from nodeops.fleet.ansible_words import explained

# A host is not believed to be brief.
_MOST_LINES = 10


class ActionModule(ActionBase):
    """Run the module of the same name."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the module's answer; what a verb has `said` is for whoever watches the run."""
        super().run(tmp, task_vars)
        try:
            result: dict[str, Any] = self._execute_module(task_vars=task_vars)
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            result = {"failed": True, "msg": str(error)}
        self._tell(str((task_vars or {}).get("inventory_hostname")), result.get("answer"))
        return explained(result)

    def _tell(self, name: str, answer: Any) -> None:
        said = answer.get("said") if isinstance(answer, dict) else None
        for line in said[:_MOST_LINES] if isinstance(said, list) else []:
            self._display.display(f"{name}: {printable(str(line))}")
