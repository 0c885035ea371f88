"""Refuse settings of a monitor that cannot be meant, on the controller."""

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from nodeops.core.errors import NodeopsError
from nodeops.document.check import checked_consortium
from nodeops.document.choices.monitoring import check_monitoring


class ActionModule(ActionBase):
    """A door to nodeops.document.choices.monitoring."""

    _requires_connection = False
    _VALID_ARGS = frozenset({"inventory", "settings"})

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Fail with every mistake: what, where, what is allowed, what to do."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {"inventory": {"type": "path", "required": True}, "settings": {"type": "dict", "required": True}}
        )
        try:
            consortium, _ = checked_consortium(Path(given["inventory"]))
            hosts = [*consortium.nodes, *consortium.monitors, *consortium.repositories]
            # Plain data, not Ansible's tagged values.
            check_monitoring(json.loads(json.dumps(given["settings"], default=str)), [*consortium.organisations], hosts)
        except NodeopsError as error:
            return {"failed": True, "msg": f"{error}\nNothing was changed."}
        return {"changed": False}
