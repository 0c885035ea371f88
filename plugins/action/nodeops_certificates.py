"""Keep the hosts' certificates beside the consortium file, and say those of all kinds of hosts, on the controller."""

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.core.errors import NodeopsError
from nodeops.document.check import checked_consortium
from nodeops.exporter.publish import FOLDER, LOG_HOSTS, Known, publish


class ActionModule(ActionBase):
    """A door to nodeops.exporter.publish."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", "certificates", "folder"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the certificates of `nodes`, `monitors` and `repositories`, and who has none.

        Fail for one that is not its host's alone.
        """
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "inventory": {"type": "path", "required": True},
                "certificates": {"type": "dict", "required": True},
                "folder": {"type": "str", "default": FOLDER, "choices": [FOLDER, LOG_HOSTS]},
            }
        )
        folder, kind = Path(given["inventory"]), str(given["folder"])
        shown = {str(name): str(pem) for name, pem in given["certificates"].items() if pem}
        try:
            consortium, _ = checked_consortium(folder)
            known = publish(folder, consortium, shown, dry_run=bool(self._task.check_mode), kind=kind)
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        for name in sorted(set(known.missing) & set(consortium.monitors if kind == FOLDER else ())):
            self._display.display(f"{name}: no exporter lets this monitor in until {FOLDER}/{name}.pem is there")
        return self._result(known)

    def _result(self, known: Known) -> dict[str, Any]:
        diff = [{"before": "", "after": text, "after_header": path} for path, text in known.written.items()]
        found = {"nodes": known.nodes, "monitors": known.monitors, "repositories": known.repositories, "missing": known.missing}
        return {"changed": bool(known.written), "diff": diff, **found}
