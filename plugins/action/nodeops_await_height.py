"""Wait until a node stands at the height that the organisations voted on, and say meanwhile how far it is."""

import time
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.fleet.ansible.verb import run_verb
from nodeops.lifecycle.upgrade.policy import Distance

_PAUSE_SECONDS = 5.0


class ActionModule(ActionBase):
    """Ask the host's agent again and again by nodeops_verb; a door to nodeops.lifecycle.upgrade.policy."""

    _VALID_ARGS = frozenset({"command", "verb", "seconds"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the last answer of the verb; fail when it fails, or the height does not come within `seconds`."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "command": {"type": "path", "required": True},
                "verb": {"type": "list", "elements": "str", "required": True},
                "seconds": {"type": "int", "required": True},
            }
        )
        name = str((task_vars or {}).get("inventory_hostname"))
        words = {"command": given["command"], "verb": given["verb"]}
        distance = Distance(until=time.monotonic() + given["seconds"])
        while True:
            result = run_verb(self, words)
            answer = result.get("answer") or {}
            if result.get("failed") or answer.get("way") != "wait" or self._task.check_mode:
                return result
            said = distance.said(int(answer["height"]), int(answer["at_height"]), time.monotonic())
            if said is None:
                return {"failed": True, "msg": f"not within {given['seconds']} s: {answer['why']}"}
            self._display.display(f"{name}: {said}")
            time.sleep(_PAUSE_SECONDS)
