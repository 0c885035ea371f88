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
    _VALID_ARGS = frozenset({"inventory", "certificates", "log_hosts"})

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
            }
        )
        folder = Path(given["inventory"])
        shown, taking = (_shown(given[name]) for name in ("certificates", "log_hosts"))
        try:
            consortium, _ = checked_consortium(folder)
            known = publish(folder, consortium, shown, dry_run=bool(self._task.check_mode))
            log_hosts = publish(folder, consortium, taking, dry_run=bool(self._task.check_mode), kind=LOG_HOSTS)
        except NodeopsError as error:
            return {"failed": True, "msg": str(error)}
        for name in sorted(set(known.missing) & set(consortium.monitors)):
            self._display.display(f"{name}: no exporter lets this monitor in until {FOLDER}/{name}.pem is there")
        return self._result(known, log_hosts)

    def _result(self, known: Known, log_hosts: Known) -> dict[str, Any]:
        written = {**known.written, **log_hosts.written}
        diff = [{"before": "", "after": text, "after_header": path} for path, text in written.items()]
        found = {"nodes": known.nodes, "monitors": known.monitors, "repositories": known.repositories, "missing": known.missing}
        found["log_hosts"] = {**log_hosts.monitors, **log_hosts.repositories}
        return {"changed": bool(written), "diff": diff, **found}


def _shown(certificates: dict[Any, Any]) -> dict[str, str]:
    return {str(name): str(pem) for name, pem in certificates.items() if pem}
