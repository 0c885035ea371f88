"""A log is read while it is written, sealed and renamed: the stream stays what was written."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.host import extents
from nodeops.logs import stream as stream_module
from nodeops.logs.stream import LogStream, joined
from nodeops.logstore import seal
from nodeops.logstore.intents import open_journal
from tests.tiers import slow
from tests.unit.logs.log_made import STREAM, MadeLog, made


@pytest.fixture
def log(tmp_path):
    return made(tmp_path)


OPERATIONS = st.lists(st.one_of(st.integers(1, 9000), st.just("seal"), st.just("rename"), st.just("look")), max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(OPERATIONS, st.data())
def test_whatever_happens_to_a_log_its_stream_is_what_was_written(tmp_path_factory, operations, data):
    log = MadeLog(tmp_path_factory.mktemp("log"), rotated="ledger.log.*")
    if extents.collapse_refusal(log.files.live.parent):
        pytest.skip("needs ext4 or XFS")
    renamed: list[Path] = []
    for number, operation in enumerate(operations):
        if isinstance(operation, int):
            log.write(os.urandom(operation))
        elif operation == "rename" and log.files.live.stat().st_size:
            log.look() if not renamed else None
            renamed.append(log.rename(f"ledger.log.{number}"))
            os.utime(renamed[-1], (number, number))
        elif operation == "seal":
            log.seal_closed(renamed.pop(0)) if renamed else log.seal()
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(log.written))] * 2)))
        assert log.read(start, end) == (log.written[start:end], [])
    assert log.read() == (log.written, [])


SECONDS, CUTS = 0.7, 6


def writing(log: MadeLog) -> None:
    """Write numbered lines as fast as they come, a few at a time: for a while, and until the guard has cut often enough."""
    handle, number, until = os.open(log.files.live, os.O_WRONLY | os.O_APPEND), 0, time.monotonic() + SECONDS
    while time.monotonic() < until or len(log.segments()) < CUTS:
        os.write(handle, b"".join(b"%09d %s\n" % (each, b"x" * 60) for each in range(number, number + 20)))
        number += 20
    os.write(handle, b"%09d the end\n" % number)


def guarding(log: MadeLog) -> None:
    """Seal without a pause until killed."""
    with open_journal(log.files.journal, STREAM, log.files.sealed) as journal:
        while True:
            seal.seal(log.files.live, log.files.sealed, journal, STREAM, 128 << 10, time.time)


@slow
def test_following_a_flood_across_many_cuts_misses_and_repeats_no_line(log, monkeypatch):
    monkeypatch.setattr(stream_module, "POLL_SECONDS", 0.01)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=(log,)) for work in (writing, guarding)]
    for process in processes:
        process.start()
    rest, number = b"", 0
    try:
        with LogStream(log.files) as stream:
            for piece in joined(stream.read(0)):
                *lines, rest = (rest + piece).split(b"\n")
                assert [int(line[:9]) for line in lines] == list(range(number, number + len(lines)))
                number += len(lines)
                if lines and lines[-1].endswith(b"the end"):
                    break
    finally:
        processes[1].kill()
        for process in processes:
            process.join()
    assert number > 1000
    assert len(log.segments()) >= CUTS
