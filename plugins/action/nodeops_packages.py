"""Install what is missing of Debian packages: the one door to them goes to the host and is run there."""

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.host import packages


class ActionModule(ActionBase):
    """Copy nodeops/host/packages.py to the host and run it with the host's own Python; a door without logic."""

    TRANSFERS_FILES = True
    _VALID_ARGS = frozenset({"names"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return `changed` and the `plan`, a line for each thing that is done, or in check mode would be."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec({"names": {"type": "list", "elements": "str", "required": True}})
        if not given["names"]:
            return {"changed": False, "plan": []}
        folder = self._make_tmp_path()
        copy = self._connection._shell.join_path(folder, Path(packages.__file__).name)
        try:
            self._transfer_file(packages.__file__, copy)
            self._fixup_perms2((folder, copy))
            words = {"door": copy, "names": given["names"], "check": self._task.check_mode}
            result: dict[str, Any] = self._execute_module(module_args=words, task_vars=task_vars)
            return result
        finally:
            self._remove_tmp_path(folder)
