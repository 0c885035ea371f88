"""A process that does some work and dies in front of one of the calls that change something."""

import mmap
import os
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tests.filesystems.disks import child, ended

Calls = Sequence[tuple[Any, str]]
# What puts something on a disk or takes it away, and what starts a program that may.
_CALLS: Calls = [(os, name) for name in ("replace", "rename", "unlink", "mkdir", "rmdir", "chmod")] + [(subprocess, "Popen")]
_DIED = 7
_MOST_STEPS = 500


def dies_before(step: int, work: Callable[[], object], also: Calls = ()) -> bool:
    """Do work in a forked process that dies before the call with that number, or a process that it forked does.

    False when there was no such call. Fail when the work itself failed (SHOW_CHILDREN=1 shows how).
    """
    assert step < _MOST_STEPS, "more steps than expected"
    with mmap.mmap(-1, 1) as died:
        code = ended(child(partial(_work, step, work, [*_CALLS, *also], died)))
        assert code in (0, _DIED), f"the work failed by itself at step {step}"
        return bool(died[0])


def _work(step: int, work: Callable[[], object], calls: Calls, died: mmap.mmap) -> None:
    counted = iter(range(_MOST_STEPS * 10))

    def counting(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: Any, **named: Any) -> object:
            if next(counted) == step:
                died[0] = 1
                os._exit(_DIED)
            return real(*given, **named)

        return call

    for owner, name in calls:
        setattr(owner, name, counting(getattr(owner, name)))
    work()
