"""Lines of a log in JSON, as ledgerd writes them; some are as its parts were seen to write, some are hostile."""

from datetime import UTC

import pytest

from nodeops.document.profile import load_profile
from nodeops.logs.lines import Reader

READER = Reader(load_profile("cosmos").log, UTC)
WHEN = '"time":"2026-01-31T08:00:00Z"'
SECONDS = 1769846400.0

READ = {
    "the part that wrote it": (
        '{"level":"info","module":"server","module":"consensus","height":5,%s,"message":"committed state"}',
        ("info", "consensus", "committed state"),
    ),
    "one module": ('{"level":"debug","module":"p2p",%s,"message":"m"}', ("debug", "p2p", "m")),
    "no module": ('{"level":"warn",%s,"message":"m"}', ("warn", "", "m")),
    "no message": ('{"level":"error","err":"x",%s}', ("error", "", "")),
    "a fatal one is an error": ('{"level":"fatal",%s,"message":"m"}', ("error", "", "m")),
    "quoted": ('{"level":"info",%s,"message":"say \\"a\\" now"}', ("info", "", 'say \\"a\\" now')),
    "a value that looks like a time": (
        '{"level":"info","x":"\\"time\\":\\"1999-01-01T00:00:00Z\\",",%s,"message":"m"}',
        ("info", "", "m"),
    ),
    "a value that looks like a module": ('{"level":"info","x":"\\"module\\":\\"evil\\"",%s,"message":"m"}', ("info", "", "m")),
}


@pytest.mark.parametrize(("line", "found"), READ.values(), ids=READ)
def test_a_line_is_read(line: str, found: tuple[str, str, str]) -> None:
    entry = READER.entry((line % WHEN).encode())
    assert entry is not None
    assert (entry.time, entry.level, entry.module, entry.text.decode()) == (SECONDS, *found)


@pytest.mark.parametrize(
    "line", ["panic: x", "goroutine 1 [running]:", "", '{"level":"info","message":"m"}', '{"level":"loud",%s}']
)
def test_what_has_no_head_goes_with_the_line_before(line: str) -> None:
    assert READER.entry(line.replace("%s", WHEN).encode()) is None
