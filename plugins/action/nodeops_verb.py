"""Run a verb of the agent on a host; say in our words what a host lacks that no verb can run without."""

from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.core.printable import printable
from nodeops.fleet.ansible.verb import ARGUMENTS, run_verb

# A host is not believed to be brief.
_MOST_LINES = 10


class ActionModule(ActionBase):
    """A door to nodeops.fleet.ansible.verb."""

    _VALID_ARGS = frozenset(ARGUMENTS)

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `answer`, `failures`, `rc` and `diff`; fail when there is no answer, or a code that is not tolerated.

        What a verb has `said` is for whoever watches the run.
        """
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(ARGUMENTS)
        result = run_verb(self, given)
        self._tell(str((task_vars or {}).get("inventory_hostname")), result.get("answer"))
        return result

    def _tell(self, name: str, answer: Any) -> None:
        said = answer.get("said") if isinstance(answer, dict) else None
        for line in said[:_MOST_LINES] if isinstance(said, list) else []:
            self._display.display(f"{name}: {printable(str(line))}")
