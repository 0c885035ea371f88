"""The mesh for a person: a row for each path, findings for what is ill. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Table
from nodeops.mesh.seen import Carried, Measured, Seen
from nodeops.mesh.verdict import Blame, Standing, standing

COLUMNS = ("peer", "standing", "lost", "round trip", "p99", "jitter", "last answer", "sent", "retransmits", "MTU")
# Of what the ledger itself sends within a minute: fewer say nothing, and a line that works repeats no more than this.
_LEAST_SEGMENTS, _LEAST_RETRANSMITTED, _RETRANSMITTED_RATIO = 100, 5, 0.02
_WORST_FIRST: tuple[Standing, ...] = ("silent", "lossy", "slow", "unknown", "fine")
_WORDS = {
    "host": ("a host that answers itself quickly", "is slow to itself, so its figures and its votes come late"),
    "prober": ("a prober that answers", "its prober does not run, so nothing is known of its network"),
    "gone": ("a host that answers somebody", "it answers neither here nor the others: the host or its uplink is gone"),
    "uplink": ("a node that reaches the others", "most of its paths are ill: its network, its host, or its prober"),
    "path": ("a path that carries what is sent", "the network between the two"),
}
_HINTS = {
    "host": "look at processor, memory and disk of that host: nodeops metrics show; docs/mesh.md",
    "prober": "systemctl status nodeops-mesh there; playbooks/mesh.yml starts it; docs/mesh.md",
    "gone": "is the host up? Ask its console or its provider; docs/mesh.md",
    "uplink": "look at that host's network first; the others see each other; docs/mesh.md",
    "path": "tell both providers, with the figures of both sides; docs/mesh.md",
}
_CARRIES = "a connection of the ledger that carries what it is given"


def milliseconds(seconds: float | None) -> str:
    """Return a round trip as a person reads it."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.2f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def lost(one: Measured) -> str:
    """Return the share of questions of the last minute that were lost."""
    return f"{100 * one.recent_lost / one.recent:.1f} %" if one.recent else "-"


def paths_table(found: Seen) -> Table:
    """Return the paths of one node, the worst first."""
    order = sorted(found.paths, key=lambda name: (_WORST_FIRST.index(standing(found.paths[name])), name))
    rows = [_row(name, found.paths[name]) for name in order]
    return Table(COLUMNS, [*rows, *((name, "no certificate", *["-"] * (len(COLUMNS) - 2)) for name in found.without_certificate)])


def _row(name: str, one: Measured) -> Sequence[str]:
    silent = "never" if one.silent_seconds is None else f"{one.silent_seconds:.0f} s ago"
    times = (milliseconds(value) for value in (one.rtt_median, one.rtt_p99, one.jitter))
    return (name, standing(one), lost(one), *times, silent, str(one.sent), _retransmits(one.ledger), _mtu(one.ledger))


def _retransmits(one: Carried | None) -> str:
    if one is None or not one.recent_segments:
        return "-" if one is None or one.connections else "no connection"
    return f"{100 * one.recent_retransmitted / one.recent_segments:.1f} %"


def _mtu(one: Carried | None) -> str:
    return str(one.mtu) if one and one.mtu else "-"


def ledger_findings(found: Seen) -> Iterator[Finding]:
    """Yield a warning for each fine path on which the ledger's own connection is ill or missing.

    It changes no verdict on the path: a peer whose host stands still is retransmitted to as well.
    """
    some = any(one.ledger and one.ledger.connections for one in found.paths.values())
    for name, one in found.paths.items():
        if one.ledger is None or standing(one) != "fine":
            continue
        if problem := _problem(one.ledger, some):
            yield Finding(f"mesh.ledger.{found.node}-{name}", Verdict.WARN, _CARRIES, *problem)


def _problem(one: Carried, others: bool) -> tuple[str, str] | None:
    if not one.connections:
        what = "probes are answered, and the ledger has no connection"
        return (what, "nodeops ledger peers on both; firewall and P2P port of the other; docs/mesh.md") if others else None
    sent, again = one.recent_segments, one.recent_retransmitted
    if sent < _LEAST_SEGMENTS or again < _LEAST_RETRANSMITTED or again / sent <= _RETRANSMITTED_RATIO:
        return None
    what = f"{again} of {sent} segments of the last minute were sent again, while probes get through; path MTU {one.mtu or '?'}"
    return what, "large packets get lost, or that host stands still: compare its MTU, then its pressure; docs/mesh.md"


def findings(causes: Sequence[Blame], views: Mapping[str, Mapping[str, Standing]]) -> Iterator[Finding]:
    """Yield one finding for each cause, or one that all is well."""
    for blame in causes:
        expected, what = _WORDS[blame.kind]
        name = "-".join(blame.nodes)
        # With one observer, a path's other end may be all that is ill: it sees nothing of what the others see.
        alone = "; seen from one side alone" if blame.kind == "path" and len(set(views) & set(blame.nodes)) == 1 else ""
        actual = f"{blame.standing}: {what} ({_listed(blame)}){alone}"
        yield Finding(f"mesh.{blame.kind}.{name}", Verdict.FAIL, expected, actual, _HINTS[blame.kind])
    if not causes:
        count = sum(len(row) for row in views.values())
        yield Finding("mesh", Verdict.PASS, "paths that carry what is sent", f"{count} views of paths, none ill")


def _listed(blame: Blame) -> str:
    shown = [f"{one}-{other}" for one, other in blame.paths[:6]]
    return ", ".join([*shown, *([f"{len(blame.paths) - 6} more"] if len(blame.paths) > 6 else [])])
