"""When each monitor last asked this host. Every monitor reads that of the others here, so one that died is seen by them.

So monitors watch each other without a port of their own: each asks the same hosts, by a certificate that says who it is.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nodeops.document.models import HostDocument
from nodeops.metrics.collector import Collector, Sample


class Askers:
    """The names of clients that are let in, each with the time (Unix seconds) of its newest question."""

    def __init__(self) -> None:
        self._newest: dict[str, float] = {}

    def expect(self, names: Iterable[str]) -> None:
        """Take down who is let in from now on: one that never asks is missed as well, and so is one that died before."""
        self._newest = dict.fromkeys(names, time.time()) | self._newest

    def note(self, certificate: Mapping[str, Any]) -> None:
        """Note a question. The certificate is as `ssl.SSLSocket.getpeercert` gives it; its first DNS name is whose it is, for
        only such are let in (`certificates.checked`).
        """
        names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        if names:
            self._newest[names[0]] = time.time()

    def look(self, _: HostDocument) -> Iterator[Sample]:
        """Yield when each last asked, or was first let in."""
        for name, at in sorted(self._newest.items()):
            yield Sample("exporter_asked_timestamp_seconds", at, {"client": name})


def collector(askers: Askers) -> Collector[HostDocument]:
    """Return the collector of what is noted."""
    return Collector("askers", askers.look, interval_seconds=0, deadline_seconds=1)
