"""The live table: ask every host again each round, on connections kept open, and draw what is known."""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from rich.console import Group, RenderableType
from rich.live import Live

from nodeops.core.result import Result
from nodeops.fleet.crew import Crew
from nodeops.fleet.reply import Reply
from nodeops.screen import console, finding_lines, plain_text, rich_table

_TICK_SECONDS = 0.1
Judge = Callable[[Mapping[str, Reply]], Result]
Show = Callable[[Result, bool], None]


def watch(crew: Crew, command: str, judge: Judge, interval_seconds: float, rounds: int | None, as_json: bool) -> None:
    """Show a result each round until Ctrl-C, or for a number of rounds.

    On a terminal one table changes in place as answers come; elsewhere each round prints one whole table, or with
    `as_json` one JSON object on a line of its own.
    """
    with suppress(KeyboardInterrupt), _screen(as_json) as show:
        for known, round_over in observed(crew, command, interval_seconds, rounds):
            show(judge(known), round_over)


def observed(crew: Crew, command: str, interval_seconds: float, rounds: int | None) -> Iterator[tuple[dict[str, Reply], bool]]:
    """Yield the newest reply of each node: with False when answers came in, with True once at the end of each round.

    A round ends when every host has answered, and at the latest after the interval: a host that takes longer keeps its
    last reply, and its next one is taken in whichever round it comes.
    """
    known: dict[str, Reply] = {}
    until = time.monotonic()
    for _ in range(rounds) if rounds else itertools.count():
        time.sleep(max(0.0, until - time.monotonic()))
        until = time.monotonic() + interval_seconds
        crew.start(command)
        while crew.busy and time.monotonic() < until:
            time.sleep(_TICK_SECONDS)
            new = crew.finished()
            known.update(new)
            if new:
                yield known, False
        yield known, True


@contextmanager
def _screen(as_json: bool) -> Iterator[Show]:
    screen = console()
    if as_json:
        yield _print_json
    elif not screen.is_terminal:
        yield lambda result, over: screen.print(drawn(result)) if over else None
    else:
        with Live(console=screen, auto_refresh=False) as live:
            yield lambda result, _: live.update(drawn(result), refresh=True)


def _print_json(result: Result, round_over: bool) -> None:
    if round_over:
        sys.stdout.write(json.dumps(result.as_dict(), sort_keys=True) + "\n")
        sys.stdout.flush()


def drawn(result: Result) -> RenderableType:
    """Return the whole of a result as one thing to draw."""
    return Group(*map(rich_table, result.tables), *map(plain_text, result.lines), *finding_lines(result.findings))
