"""Do the same to many hosts at once, and report every failure, not only the first."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nodeops.core.errors import HostError, NodeopsError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# The engine serialises most of its work; more threads than this only wait.
_WORKERS = 8


def each(work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """Return the answers in the order of the items. Raise the one error, or a HostError that lists them all."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        jobs = [pool.submit(work, item) for item in items]
    errors = [error for job in jobs if (error := job.exception())]
    unknown = [error for error in errors if not isinstance(error, NodeopsError)]
    if unknown or len(errors) == 1:
        raise (unknown or errors)[0]
    if errors:
        raise HostError("\n".join(dict.fromkeys(str(error) for error in errors)))
    return [job.result() for job in jobs]
