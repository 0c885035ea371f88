"""Let a forked child do one dangerous thing and answer: it keeps no open file of ours but what it is given. Lean: stdlib only."""

import contextlib
import gc
import json
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from nodeops.core.errors import HostError, InputError, NodeopsError, Refused, Timeout

_CHUNK_BYTES = 65536
_STANDARD_HANDLES = (0, 1, 2)
_ERRORS: dict[str, type[NodeopsError]] = {error.kind: error for error in (HostError, InputError, Refused, Timeout)}


def answer_of(work: Callable[[], str], *, seconds: float, keep: Sequence[int] = ()) -> str:
    """Run `work` in a forked child and return what it returns. Only the handles in `keep` stay open there.

    Called where no other thread runs. Raise the error that `work` raised, Timeout when it takes longer than `seconds` (the
    child is killed then), HostError when the child ends without an answer.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _live(work, writer, keep)
    os.close(writer)
    try:
        said = _read(reader, time.monotonic() + seconds)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(reader)
        status = _status(pid)
    return _judged(said, status)


def _live(work: Callable[[], str], writer: int, keep: Sequence[int]) -> NoReturn:
    """Be the child: never return into the parent's code, never flush its buffers, never run its clean-up."""
    code = 1
    try:
        # Objects of the parent would close numbers that mean other files by then.
        gc.disable()
        _close_all_but({*_STANDARD_HANDLES, writer, *keep})
        _write(writer, json.dumps(_answer(work)).encode())
        code = 0
    finally:
        os._exit(code)


def _close_all_but(kept: set[int]) -> None:
    # Empty ranges are left out: os.closerange(0, 0) closes everything.
    last, end = -1, os.sysconf("SC_OPEN_MAX")
    for handle in [*sorted(kept), end]:
        if handle > last + 1:
            os.closerange(last + 1, handle)
        last = handle


def _answer(work: Callable[[], str]) -> dict[str, object]:
    try:
        return {"answer": work()}
    except NodeopsError as error:
        return {"kind": error.kind, "words": [error.what, error.where, error.allowed, error.hint]}
    except BaseException as error:
        # A fault of ours must reach the parent too.
        return {"kind": HostError.kind, "words": [f"{type(error).__name__}: {error}", "child process", "", ""]}


def _write(writer: int, data: bytes) -> None:
    while data:
        data = data[os.write(writer, data) :]


def _read(reader: int, until: float) -> bytes:
    said = bytearray()
    while True:
        if not select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
            raise Timeout("did not finish in the time given and was killed", where="child process")
        chunk = os.read(reader, _CHUNK_BYTES)
        if not chunk:
            return bytes(said)
        said += chunk


def _status(pid: int) -> int:
    with contextlib.suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return 0


def _judged(said: bytes, status: int) -> str:
    try:
        answer = json.loads(said)
    except ValueError as error:
        how = f"by signal {-status}" if status < 0 else f"with code {status}"
        raise HostError(f"was ended {how} before it had answered", where="child process") from error
    if "kind" in answer:
        raise _ERRORS.get(answer["kind"], HostError)(*answer["words"])
    return str(answer["answer"])
