"""What the kernel says of the host at once: processors, pressure, memory, network, clock. Nothing here touches a filesystem of
the host, which may hang.

Where Debian's node_exporter is at work, what it says too is left to it; of the clock and the boot, alerts and dashboards of ours
go on to hear.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from nodeops.document.models import HostDocument
from nodeops.metrics.collector import Collector, Sample

_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
# A link that systemd keeps for journald while the unit of package prometheus-node-exporter is active: no process, no bus to ask.
_NODE_EXPORTER = Path("/run/systemd/units/invocation:prometheus-node-exporter.service")
_PRESSURE = Path("/proc/pressure")
_TOTAL = re.compile(r"^some .*\btotal=([0-9]+)$", re.MULTILINE)
_MICROSECONDS = 1e6


def look(_: HostDocument) -> Iterator[Sample]:
    """Yield the host's own metrics."""
    elsewhere = _NODE_EXPORTER.is_symlink()
    yield Sample("host_left_to_node_exporter", float(elsewhere))
    yield Sample("boot_timestamp_seconds", psutil.boot_time())
    yield Sample("clock_timestamp_seconds", time.time())
    if not elsewhere:
        yield from _use()


def _use() -> Iterator[Sample]:
    """Yield what processors, memory and network devices are used for."""
    times = psutil.cpu_times()
    for mode in _MODES:
        yield Sample("cpu_seconds_total", getattr(times, mode), {"mode": mode})
    yield from _pressure()
    memory = psutil.virtual_memory()
    yield Sample("memory_total_bytes", memory.total)
    yield Sample("memory_available_bytes", memory.available)
    for device, counted in sorted(psutil.net_io_counters(pernic=True, nowrap=False).items()):
        if device != "lo":
            yield Sample("network_receive_bytes_total", counted.bytes_recv, {"device": device})
            yield Sample("network_transmit_bytes_total", counted.bytes_sent, {"device": device})


def _pressure() -> Iterator[Sample]:
    """Yield the time some task waited, where the kernel counts it (CONFIG_PSI)."""
    for resource in ("cpu", "memory", "io"):
        try:
            found = _TOTAL.search((_PRESSURE / resource).read_text(encoding="ascii"))
        except OSError:
            continue
        if found:
            yield Sample("pressure_waiting_seconds_total", int(found[1]) / _MICROSECONDS, {"resource": resource})


COLLECTOR = Collector("host", look, interval_seconds=0, deadline_seconds=2)
