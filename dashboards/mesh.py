"""The network between the nodes: which path is ill, or whether a node's uplink is, or a host that is slow to itself."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.pages import NETWORK, NODE_PAGE, NODES, page
from dashboards.panels import GOOD, ILL, NONE_IS_GOOD, ODD, Column, Steps, bars, lines, number, rows
from nodeops.mesh.verdict import LOSS_RATIO, SLOW_SECONDS

_SENT, _LOST = (f"rate(nodeops_mesh_probes_{name}_total{{{NODES}}}[2m])" for name in ("sent", "lost"))
_BY_PATH = "by (node, peer)"
_ASKED = f'{NETWORK},peer=~"$node"'
LOSS = f"{_LOST} / ({_SENT} > 0)"
# Where the prober calls a path lossy, and where alerts call a node isolated.
LOSS_STEPS: Steps = ((None, GOOD), (LOSS_RATIO, ODD), (0.05, ILL))
_CARRIED, _AGAIN = (f"rate(nodeops_mesh_ledger_{name}_total{{{NODES}}}[5m])" for name in ("segments", "retransmits"))
# Of the ledger's own traffic: large packets that get lost while small probes get through.
RETRANSMITS = f"{_AGAIN} / ({_CARRIED} > 0)"
RTT_STEPS: Steps = ((None, GOOD), (SLOW_SECONDS / 3, ODD), (SLOW_SECONDS, ILL))


def rtt(quantile: str, more: str = NODES) -> str:
    """Return the round trip of each path over the last minute."""
    return f'nodeops_mesh_rtt_seconds{{quantile="{quantile}",{more}}}'


def mesh() -> Dashboard:
    """Return the dashboard of the paths between nodes."""
    says = "The network between the nodes, as they measure it themselves: loss, round trip, jitter of every path."
    return page("mesh", says, [*_numbers(), _paths(), *_ends(), *_lines()], nodes="many")


def _numbers() -> list[object]:
    silent = f"sum(nodeops_mesh_peer_up{{{NODES}}} == bool 0)"
    refused = f"sum(rate(nodeops_mesh_packets_refused_total{{{NODES}}}[$__rate_interval]))"
    return [
        number("Silent paths", "Paths on which no probe of the last minute was answered.", silent, "none", NONE_IS_GOOD, width=6),
        number(
            "Worst loss", "Share of probes lost on the worst path, 2 minutes.", f"max({LOSS})", "percentunit", LOSS_STEPS, width=6
        ),
        number(
            "Slowest path",
            "99th percentile of the round trip of the slowest path.",
            f"max({rtt('0.99')})",
            "s",
            RTT_STEPS,
            width=6,
        ),
        number(
            "Refused packets",
            "Packets of strangers, or more than a member may ask.",
            refused,
            "pps",
            ((None, GOOD), (1, ODD)),
            width=6,
        ),
    ]


def _paths() -> object:
    share = f"sum {_BY_PATH} (rate(nodeops_mesh_probes_late_total{{{NODES}}}[5m]))"
    return rows(
        "Paths",
        "Every path, from the node that asks to the peer that answers; the worst first.",
        [Column("From", "node", link=NODE_PAGE), Column("To", "peer")],
        [
            Column("Loss", f"sort_desc(max {_BY_PATH} ({LOSS}))", unit="percentunit", steps=LOSS_STEPS, decimals=1),
            Column("Answers", f"max {_BY_PATH} (nodeops_mesh_peer_up{{{NODES}}})", said={"1": ("yes", GOOD), "0": ("NO", ILL)}),
            Column("Round trip, median", f"max {_BY_PATH} ({rtt('0.5')})", unit="s", steps=RTT_STEPS),
            Column("99th percentile", f"max {_BY_PATH} ({rtt('0.99')})", unit="s", steps=RTT_STEPS),
            Column("Jitter", f"max {_BY_PATH} (nodeops_mesh_jitter_seconds{{{NODES}}})", unit="s"),
            Column("Late a second", share, decimals=2),
            Column("Retransmits", f"max {_BY_PATH} ({RETRANSMITS})", unit="percentunit", steps=LOSS_STEPS, decimals=1),
            Column("Path MTU", f"max {_BY_PATH} (nodeops_mesh_path_mtu_bytes{{{NODES}}})", decimals=0),
        ],
        height=9,
    )


def _ends() -> list[object]:
    # Whoever asks: the nodes that were chosen are those that are asked.
    to_peer = f"avg by (peer) ({LOSS.replace(NODES, _ASKED)})"
    return [
        bars(
            "Loss to each node",
            "Mean share of probes to a node that get lost, of all that ask it: what many lose is ill itself, or its uplink is.",
            to_peer,
            "percentunit",
            LOSS_STEPS,
            "{{peer}}",
            most=1,
        ),
        bars(
            "Loss from each node",
            "Mean share of its own probes that a node loses: one that loses all is cut off.",
            f"avg by (node) ({LOSS})",
            "percentunit",
            LOSS_STEPS,
            "{{node}}",
            most=1,
        ),
        lines(
            "Slow to itself",
            "99th percentile of the round trip of a host to itself: what a busy host adds to every figure here.",
            {"{{node}}": f"nodeops_mesh_noise_seconds{{{NODES}}}"},
            "s",
            width=8,
            least=0,
        ),
    ]


def _lines() -> list[object]:
    legend = "{{node}} to {{peer}}"
    return [
        lines(
            "Retransmits",
            "Share of what the ledger's own connections had to send again, by path.",
            {legend: RETRANSMITS},
            "percentunit",
            width=6,
            least=0,
            most=0.05,
        ),
        lines("Loss", "Share of probes lost, by path.", {legend: LOSS}, "percentunit", width=6, least=0, most=0.05),
        lines("Round trip", "99th percentile over the last minute, by path.", {legend: rtt("0.99")}, "s", width=6, least=0),
        lines(
            "Jitter",
            "How much one round trip differs from the next, by path.",
            {legend: f"nodeops_mesh_jitter_seconds{{{NODES}}}"},
            "s",
            width=6,
            least=0,
        ),
    ]
