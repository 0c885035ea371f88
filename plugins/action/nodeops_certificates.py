"""Keep the hosts' certificates beside the consortium file, and say those of all kinds of hosts, on the controller."""

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.core.errors import NodeopsError
from nodeops.document.check import checked_consortium
from nodeops.exporter.publish import EXPORTERS, FOLDER, LOG_HOSTS, Known, publish

# An argument of the task is named as the folder that it is kept in.
_KINDS = (FOLDER, LOG_HOSTS, EXPORTERS)


class ActionModule(ActionBase):
    """A door to nodeops.exporter.publish."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", *_KINDS})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the certificates of `nodes`, `monitors` and `repositories`, and who has none.

        Fail for one that is not its host's alone.
        """
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "inventory": {"type": "path", "required": True},
                "certificates": {"type": "dict", "required": True},
                "log_hosts": {"type": "dict", "default": {}},
                "exporters": {"type": "dict", "default": {}},
            }
        )
        folder = Path(given["inventory"])
        try:
            consortium, _ = checked_consortium(folder)
            dry_run = bool(self._task.check_mode)
            found = {kind: publish(folder, consortium, _shown(given[kind]), dry_run=dry_run, kind=kind) for kind in _KINDS}
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        for name in sorted(set(found[FOLDER].missing) & set(consortium.monitors)):
            self._display.display(f"{name}: no exporter lets this monitor in until {FOLDER}/{name}.pem is there")
        return self._result(found)

    def _result(self, kinds: dict[str, Known]) -> dict[str, Any]:
        known, written = kinds[FOLDER], {path: text for kind in kinds.values() for path, text in kind.written.items()}
        diff = [{"before": "", "after": text, "after_header": path} for path, text in written.items()]
        found = {"nodes": known.nodes, "monitors": known.monitors, "repositories": known.repositories, "missing": known.missing}
        for kind in (LOG_HOSTS, EXPORTERS):
            found[kind] = {**kinds[kind].monitors, **kinds[kind].repositories}
        return {"changed": bool(written), "diff": diff, **found}


def _shown(certificates: dict[Any, Any]) -> dict[str, str]:
    return {str(name): str(pem) for name, pem in certificates.items() if pem}
