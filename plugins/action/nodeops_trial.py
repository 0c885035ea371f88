"""Make a change on a host that undoes itself unless this controller still gets in: apply, log in anew, confirm."""

import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

_PAUSE_SECONDS = 1.0
# The agent's exit codes: what did not happen yet may still happen; a gate that refused stays shut.
_NOT_YET = 5
_SPECIFICATION = {
    "command": {"type": "path", "required": True},
    "apply": {"type": "list", "elements": "str", "required": True},
    "confirm": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "int", "default": 300},
}


# A host may say anything; no trial that a consortium can choose is longer (nodeops_choices, confirm_seconds).
_MOST_SECONDS = 600


def _trial(answer: Any) -> dict[str, Any] | None:
    """Return the trial that a host says it began: its token, and the seconds until it undoes itself. None when there is none."""
    trial = answer.get("trial") if isinstance(answer, dict) else None
    if not isinstance(trial, dict) or not isinstance(trial.get("seconds"), int | float):
        return None
    return {"token": str(trial.get("token")), "seconds": min(trial["seconds"], _MOST_SECONDS)}


class ActionModule(ActionBase):
    """Run the verb that applies; when it put a change on trial, confirm it over a new connection while there is time."""

    _VALID_ARGS = frozenset(_SPECIFICATION)

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the answer of the apply verb; `confirmation` is that of the confirm verb."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(_SPECIFICATION)
        applied = self._verb(arguments, arguments["apply"], task_vars, changes=True)
        trial = _trial(applied.get("answer"))
        if applied.get("failed") or self._task.check_mode or not trial:
            return applied
        confirmed = self._confirm(arguments, trial, task_vars)
        if confirmed.get("failed"):
            left = f"The change was not confirmed and undoes itself within {trial['seconds']} s."
            return {**applied, "failed": True, "msg": f"{confirmed['msg']}\n{left}", "confirmation": confirmed.get("answer", {})}
        return {**applied, "confirmation": confirmed.get("answer", {})}

    def _verb(self, arguments: dict[str, Any], words: list[str], task_vars: Any, **options: Any) -> dict[str, Any]:
        given = {"command": arguments["command"], "verb": words, "timeout": arguments["timeout"], **options}
        # The module beside this action, be that in a collection or in the checkout.
        verb = self._task.resolved_action.replace("nodeops_trial", "nodeops_verb")
        result: dict[str, Any] = self._execute_module(module_name=verb, module_args=given, task_vars=task_vars)
        return result

    def _confirm(self, arguments: dict[str, Any], trial: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        """Return the confirmation, tried again over another new connection while the host cannot be reached."""
        until = time.monotonic() + trial["seconds"]
        said = {"failed": True, "msg": "there was no time to confirm"}
        while time.monotonic() < until:
            try:
                # Without this the old connection would be used again, and it may live on where a new one is refused.
                self._connection.reset()
                said = self._verb(arguments, [*arguments["confirm"], trial["token"]], task_vars)
            except AnsibleConnectionFailure as error:
                said = {"failed": True, "unreachable": False, "msg": f"no new connection to this host: {error}"}
            else:
                if not said.get("failed") or said.get("rc") != _NOT_YET:
                    return said
            time.sleep(_PAUSE_SECONDS)
        return said
