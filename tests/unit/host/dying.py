"""A process that does some work and dies in front of one of the calls that change something."""

import os
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.filesystems.disks import child, ended

# What puts something on a disk or takes it away, and what starts a program that may.
_CALLS = [(os, name) for name in ("replace", "rename", "unlink", "mkdir", "rmdir", "chmod")] + [(subprocess, "Popen")]
_DIED = 7
_MOST_STEPS = 500


def dies_before(step: int, work: Callable[[], object]) -> bool:
    """Do work in a forked process that dies before the call with that number; False when it came to its end.

    Fail when the work itself failed (SHOW_CHILDREN=1 shows how), and when there is no end to the steps.
    """
    assert step < _MOST_STEPS, "more steps than expected"
    code = ended(child(partial(_work, step, work)))
    assert code in (0, _DIED), f"the work failed by itself at step {step}"
    return code == _DIED


def _work(step: int, work: Callable[[], object]) -> None:
    counted = iter(range(_MOST_STEPS * 10))

    def counting(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: Any, **named: Any) -> object:
            if next(counted) == step:
                os._exit(_DIED)
            return real(*given, **named)

        return call

    for owner, name in _CALLS:
        setattr(owner, name, counting(getattr(owner, name)))
    work()
