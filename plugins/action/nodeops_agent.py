"""Ship an agent tree to a host that does not have it; a host that has it is not even asked."""

from pathlib import Path, PurePosixPath
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.agent import install


class ActionModule(ActionBase):
    """Copy the archive and its installer to the host, then let the module verify, unpack and switch."""

    TRANSFERS_FILES = True
    _VALID_ARGS = frozenset({"archive", "sha256", "digest", "current", "root", "command", "state"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return whether the host's tree changed. `current` is the target of the link, as observed before."""
        super().run(tmp, task_vars)
        arguments = self._task.args
        before, after = PurePosixPath(arguments["current"]).name, arguments["digest"]
        diff = {"before": f"{before}\n", "after": f"{after}\n", "before_header": f"{arguments['root']}/current"}
        if before == after:
            return {"changed": False}
        if self._task.check_mode:
            return {"changed": True, "diff": diff}
        return {**self._install(arguments, task_vars), "diff": diff}

    def _install(self, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        folder = self._make_tmp_path()
        sources = {"archive": arguments["archive"], "installer": install.__file__}
        copies = {name: self._connection._shell.join_path(folder, Path(source).name) for name, source in sources.items()}
        try:
            for name, source in sources.items():
                self._transfer_file(source, copies[name])
            self._fixup_perms2((folder, *copies.values()))
            given = {**copies, **{name: arguments[name] for name in ("sha256", "digest", "root", "command", "state")}}
            result: dict[str, Any] = self._execute_module(module_args=given, task_vars=task_vars)
            return result
        finally:
            self._remove_tmp_path(folder)
