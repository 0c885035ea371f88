"""Make a change on a host that undoes itself unless this controller still gets in: apply, log in anew, confirm."""

import shlex
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from nodeops.fleet.ansible.verb import run_verb
from nodeops.host.ssh.client import new_login

_LOGIN_SECONDS = 10
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


def _left(apply: list[str], seconds: float) -> str:
    """Return what becomes of a change whose confirmation failed. A host may have kept it, and the answer was lost."""
    how = f"nodeops {apply[0]} apply --dry-run on the host tells, with nothing to do where it was kept"
    return f"Unless the host kept the change all the same, it undoes itself within {seconds:.0f} s: {how}."


class ActionModule(ActionBase):
    """Run the verb that applies; when it put a change on trial, confirm it over a new connection while there is time."""

    _VALID_ARGS = frozenset(_SPECIFICATION)

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the answer of the apply verb; `confirmation` is that of the confirm verb."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(_SPECIFICATION)
        # One that cannot be reached now proves nothing afterwards.
        behind = [] if self._task.check_mode else [name for name in self._behind(task_vars) if not self._trouble(name, task_vars)]
        applied = self._verb(arguments, arguments["apply"], changes=True)
        trial = _trial(applied.get("answer"))
        if applied.get("failed") or self._task.check_mode or not trial:
            return applied
        confirmed = self._confirm(arguments, trial, task_vars, behind)
        if confirmed.get("failed"):
            msg = f"{confirmed['msg']}\n{_left(arguments['apply'], trial['seconds'])}"
            return {**applied, "failed": True, "msg": msg, "confirmation": confirmed.get("answer", {})}
        return {**applied, "confirmation": confirmed.get("answer", {})}

    def _verb(self, arguments: dict[str, Any], words: list[str], **options: Any) -> dict[str, Any]:
        return run_verb(self, {"command": arguments["command"], "verb": words, "timeout": arguments["timeout"], **options})

    def _behind(self, task_vars: Any) -> list[str]:
        """Return the hosts of this inventory that are reached through this one."""
        return [str(name) for name in task_vars.get("nodeops_hosts_behind") or [] if name in task_vars["hostvars"]]

    def _trouble(self, name: str, task_vars: Any) -> str:
        """Return what keeps a new login to a host from working, empty when it works."""
        known = task_vars["hostvars"][name]
        words = shlex.split(str(known.get("ansible_ssh_common_args", "")))
        for option, variables in (
            ("-l", ("ansible_user", "ansible_ssh_user")),
            ("-p", ("ansible_port", "ansible_ssh_port")),
            ("-i", ("ansible_ssh_private_key_file", "ansible_private_key_file")),
        ):
            words += next(([option, str(known[each])] for each in variables if known.get(each)), [])
        return new_login(words, name, _LOGIN_SECONDS)

    def _cut_off(self, behind: list[str], task_vars: Any) -> dict[str, Any]:
        """Return a failure that may pass, naming the hosts behind this one that let nobody in; empty when all do."""
        lost = [f"{name}: {trouble}" for name in behind if (trouble := self._trouble(name, task_vars))]
        what = f"reached through this host before the change, and not after it: {'; '.join(lost)}"
        return {"failed": True, "rc": _NOT_YET, "msg": what} if lost else {}

    def _confirm(self, arguments: dict[str, Any], trial: dict[str, Any], task_vars: Any, behind: list[str]) -> dict[str, Any]:
        """Return the confirmation, tried again over a new connection while this host, or one behind it, cannot be reached."""
        until = time.monotonic() + trial["seconds"]
        said = {"failed": True, "msg": "there was no time to confirm"}
        words = [*arguments["confirm"], trial["token"]]
        while time.monotonic() < until:
            try:
                # Without this the old connection would be used again, and it may live on where a new one is refused.
                self._connection.reset()
                said = self._cut_off(behind, task_vars) or self._verb(arguments, words)
            except AnsibleConnectionFailure as error:
                said = {"failed": True, "unreachable": False, "msg": f"no new connection to this host: {error}"}
            else:
                if not said.get("failed") or said.get("rc") != _NOT_YET:
                    return said
            time.sleep(_PAUSE_SECONDS)
        return said
