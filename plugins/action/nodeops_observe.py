"""Observe a host, and note the controller's clock before and after, so that a clock can be judged without guessing latency."""

import time
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Run the module and add the controller's clock."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return what was observed; `controller_clock` is the time before and after, in Unix seconds."""
        super().run(tmp, task_vars)
        before = time.time()
        result: dict[str, Any] = self._execute_module(task_vars=task_vars)
        return {**result, "controller_clock": [before, time.time()]}
