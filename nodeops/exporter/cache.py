"""Run each collector in a thread of its own, and keep what it saw last: one that hangs or fails keeps nobody waiting."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from nodeops.core.printable import printable
from nodeops.document.models import HostDocument
from nodeops.metrics.collector import Collector, Sample
from nodeops.metrics.exposition import checked

Document = TypeVar("Document", bound=HostDocument)


@dataclass(frozen=True)
class _Round:
    """A round that ended: its samples, None when it failed; when it succeeded (Unix seconds), how long it took."""

    samples: Sequence[Sample] | None
    at: float
    seconds: float


class Runner:
    """One collector at work. Its thread looks every `interval_seconds`; with 0 it looks when it is asked."""

    def __init__(self, collector: Collector[Document], document: Document):
        self.collector: Collector[Any] = collector
        self._look = partial(collector.look, document)
        self._changed = threading.Condition()
        self._began: float | None = None
        self._last: _Round | None = None
        self._last_success: float | None = None
        self._wanted = self._done = 0
        self._trouble = ""

    def start(self) -> None:
        """Begin to look. A collector that hangs for good does not keep the process from ending."""
        threading.Thread(target=self._work, name=self.collector.name, daemon=True).start()

    def _work(self) -> None:
        while True:
            self._one_round()
            with self._changed:
                pause = self.collector.interval_seconds or None
                self._changed.wait_for(lambda: self._wanted > self._done, pause)

    def _one_round(self) -> None:
        with self._changed:
            number, self._began = self._wanted, time.monotonic()
            began = self._began
        samples = self._looked()
        with self._changed:
            now = time.time()
            self._last = _Round(samples, now, time.monotonic() - began)
            # Too late is a failure: whoever asked meanwhile was told so.
            if samples is not None and self._last.seconds <= self.collector.deadline_seconds:
                self._last_success = now
            self._began, self._done = None, number
            self._changed.notify_all()

    def _looked(self) -> Sequence[Sample] | None:
        try:
            found = checked(self._look(), self.collector.name)
        except Exception as error:
            self._say(printable(f"{type(error).__name__}: {error}"))
            return None
        self._say("")
        return found

    def _say(self, trouble: str) -> None:
        """Write down that a collector fails, and that it works again, but not every round of it."""
        if bool(trouble) != bool(self._trouble):
            sys.stderr.write(f"collector {self.collector.name} {f'fails: {trouble}' if trouble else 'works again'}\n")
            sys.stderr.flush()
        self._trouble = trouble

    def ended_a_round(self) -> bool:
        """Tell whether the first round ended, or is so late that nobody waits for it."""
        with self._changed:
            return self._last is not None or self._late(time.monotonic())

    def _late(self, now: float) -> bool:
        return self._began is not None and now - self._began > self.collector.deadline_seconds

    def samples(self) -> list[Sample]:
        """Return what was seen last, and how the collector does. One that looks when it is asked does so now."""
        with self._changed:
            up = (bool(self.collector.interval_seconds) or self._looked_now()) and self._up()
            seen = self._last.samples if up and self._last else None
            return [*(seen or ()), *self._about(up)]

    def _looked_now(self) -> bool:
        """Ask for a round and wait for it. Return whether it ended in time; while one hangs, nobody waits for the next."""
        self._wanted += 1
        number = self._wanted
        self._changed.notify_all()
        late = self._late(time.monotonic())
        return not late and self._changed.wait_for(lambda: self._done >= number, self.collector.deadline_seconds)

    def up(self) -> bool:
        """Tell whether what was seen last still holds."""
        with self._changed:
            return self._up()

    def _up(self) -> bool:
        """Tell whether the last round succeeded in time, and is not older than the next one may take."""
        if self._last is None or self._last.samples is None or self._last.seconds > self.collector.deadline_seconds:
            return False
        return not self._late(time.monotonic())

    def _about(self, up: bool) -> Iterator[Sample]:
        who = {"collector": self.collector.name}
        yield Sample("collector_up", float(up), who)
        yield Sample("collector_interval_seconds", self.collector.interval_seconds, who)
        running = time.monotonic() - self._began if self._began is not None else 0.0
        yield Sample("collector_duration_seconds", max(running, self._last.seconds if self._last else 0.0), who)
        if self._last_success is not None:
            yield Sample("collector_last_success_timestamp_seconds", self._last_success, who)
