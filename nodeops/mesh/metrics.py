"""What the prober said last of each path, as metrics."""

from collections.abc import Iterator
from pathlib import Path

from nodeops.document.models import NodeDocument
from nodeops.mesh.seen import Carried, Measured
from nodeops.mesh.status import read
from nodeops.metrics.collector import Collector, Sample


def look(document: NodeDocument) -> Iterator[Sample]:
    """Yield the figures of each path. Raise HostError when the prober says nothing: old figures would look fine."""
    found = read(Path(document.paths["mesh_status"]))
    for name, one in found.paths.items():
        yield from _path(one, {"peer": name})
    if found.noise.rtt_p99 is not None:
        yield Sample("mesh_noise_seconds", found.noise.rtt_p99)
    for reason in ("strangers", "forged", "repeated", "too_many"):
        yield Sample("mesh_packets_refused_total", getattr(found, reason), {"reason": reason})


def _path(one: Measured, peer: dict[str, str]) -> Iterator[Sample]:
    yield Sample("mesh_probes_sent_total", one.sent, peer)
    yield Sample("mesh_probes_lost_total", one.lost, peer)
    yield Sample("mesh_probes_late_total", one.late, peer)
    yield Sample("mesh_probes_duplicate_total", one.duplicate, peer)
    yield Sample("mesh_probes_unsent_total", one.unsent, peer)
    if one.recent:
        yield Sample("mesh_peer_up", float(one.recent_lost < one.recent), peer)
    if one.rtt_median is not None and one.rtt_p99 is not None:
        yield Sample("mesh_rtt_seconds", one.rtt_median, {**peer, "quantile": "0.5"})
        yield Sample("mesh_rtt_seconds", one.rtt_p99, {**peer, "quantile": "0.99"})
    if one.jitter is not None:
        yield Sample("mesh_jitter_seconds", one.jitter, peer)
    if one.ledger is not None:
        yield from _carried(one.ledger, peer)


def _carried(one: Carried, peer: dict[str, str]) -> Iterator[Sample]:
    yield Sample("mesh_ledger_connections", one.connections, peer)
    yield Sample("mesh_ledger_segments_total", one.segments, peer)
    yield Sample("mesh_ledger_retransmits_total", one.retransmitted, peer)
    if one.mtu is not None:
        yield Sample("mesh_path_mtu_bytes", one.mtu, peer)


COLLECTOR = Collector("mesh", look, interval_seconds=10, deadline_seconds=5)
