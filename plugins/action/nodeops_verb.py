"""Run a verb of the agent on a host; say in our words what a host lacks that no verb can run without."""

from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.fleet.ansible.verb import ARGUMENTS, run_verb


class ActionModule(ActionBase):
    """A door to nodeops.fleet.ansible.verb."""

    _VALID_ARGS = frozenset(ARGUMENTS)

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `answer`, `failures`, `rc` and `diff`; fail when there is no answer, or a code that is not tolerated."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(ARGUMENTS)
        return run_verb(self, given)
