"""Which run a test belongs to: `make check`, `make test` or `make test-long`. docs/testing.md says what is where, and why.

A test without a mark is in `make test`, and in `make check` when it lies in tests/unit or tests/contract. One with the mark
`slow` is not in `make check`: it costs the processor about a second or more, or waits for seconds, and what it proves is seldom
what a change breaks.
One with the mark `long` is in `make test-long` alone: mostly the same test at its full size, beside the size that proves it in
every run.
"""

from collections.abc import Sequence
from typing import Any

import pytest

slow = pytest.mark.slow
_long = pytest.mark.long
# The part of `-m` by which the Makefile says that this is `make check`.
_NOT_SLOW = "not slow"
_CHECK_STRIDE = 4


def sizes(every_run: Any, long: Any) -> Sequence[Any]:
    """Return the values of a parameter that says how much: one for `make test`, the full one for `make test-long`."""
    return [every_run, pytest.param(long, marks=_long)]


def some(every_run: Sequence[Any], long: Sequence[Any]) -> Sequence[Any]:
    """Return the cells of a matrix, a tuple each where it has several sides: some in `make test`, others in `make test-long`."""
    cells = [value if isinstance(value, tuple) else (value,) for value in long]
    return [*every_run, *(pytest.param(*cell, marks=_long) for cell in cells)]


def stride(config: pytest.Config) -> int:
    """Return by how many steps tests go on that die before each: one; in `make check` every fourth step does."""
    return _CHECK_STRIDE if _NOT_SLOW in config.option.markexpr else 1


def leave_out_long(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is in `make test-long` alone, unless `-m` says something about it."""
    if "long" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
