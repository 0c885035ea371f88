"""All nodes at a glance: who is ill, what with, and how near the chain is to a halt."""

from dataclasses import replace

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.pages import EVERY_HOST, NETWORK, NEWEST_BLOCK, NODE_PAGE, middle, page
from dashboards.panels import (
    ALL_IS_GOOD,
    DAYS_LEFT,
    DISK,
    GOOD,
    ILL,
    NONE_IS_GOOD,
    ODD,
    ON,
    RUNBOOK,
    SOME_IS_ODD,
    STAGE,
    UP,
    Column,
    lines,
    number,
    rows,
)

FIRING = 'ALERTS{alertstate="firing",severity=~"critical|warning"}'
_SIGNED, _MISSED = (
    f"sum by (organisation, node) (rate(nodeops_consensus_{name}_total{{{NETWORK}}}[5m]))" for name in ("signed", "missed")
)
# Of a node that counts no blocks there is no share.
SIGNED = f"{_SIGNED} / ({_SIGNED} + {_MISSED} > 0)"


def each(metric: str, how: str = "max", more: str = "") -> str:
    """Return one value of a metric for each node."""
    return f"{how} by (organisation, node) ({metric}{{{NETWORK}{more}}})"


def fleet() -> Dashboard:
    """Return the dashboard of all nodes."""
    return page("fleet", "Every node of the network: who is ill, and what with.", [*_numbers(), _alerts(), _nodes(), *_lines()])


def _numbers() -> list[object]:
    return [
        number(
            "Critical alerts",
            "Alerts of severity critical that fire now; the list says of whom.",
            'count(ALERTS{alertstate="firing",severity="critical"}) or vector(0)',
            "none",
            NONE_IS_GOOD,
        ),
        number(
            "Warnings",
            "Alerts of severity warning that fire now.",
            'count(ALERTS{alertstate="firing",severity="warning"}) or vector(0)',
            "none",
            SOME_IS_ODD,
        ),
        number(
            "Hosts that do not answer",
            "Nodes, monitors and repositories whose exporter this monitor cannot ask.",
            f"sum(1 - up{{{EVERY_HOST},{NETWORK}}})",
            "none",
            NONE_IS_GOOD,
        ),
        number(
            "Power that may be lost",
            "Live voting power that may be lost before blocks stop, as most nodes see it; 0: the next loss halts the chain.",
            middle(f"nodeops_quorum_margin_power{{{NETWORK}}}", "min"),
            "none",
            ((None, ILL), (1, GOOD)),
            none="chain stands",
        ),
        number(
            "Newest block",
            "Age of the newest block that most nodes have, those that are behind left out.",
            NEWEST_BLOCK,
            "s",
            ((None, GOOD), (30, ODD), (60, ILL)),
            decimals=0,
        ),
        number(
            "First disk full in",
            "Shortest forecast of all disks; no data when none fills.",
            f"min(nodeops_disk_time_to_full_seconds{{{NETWORK}}})",
            "s",
            ((None, ILL), (86400, ODD), (7 * 86400, GOOD)),
            none="none fills",
        ),
    ]


def _alerts() -> object:
    severity = {"critical": ("critical", ILL), "warning": ("warning", ODD)}
    # An alert of the whole network has no node; the newest value says since when it fires.
    since = f"time() - ALERTS_FOR_STATE and ignoring (alertstate) {FIRING}"
    query = f"max by (severity, alertname, organisation, node) ({since})"
    return rows(
        "What is wrong now",
        "Alerts that fire, and for how long; a click on the name opens its runbook. Empty when all is well.",
        [
            Column("Severity", "severity", said=severity, width=110),
            Column("Alert", "alertname", link=RUNBOOK),
            Column("Organisation", "organisation", none="all"),
            Column("Node", "node", link=NODE_PAGE, none="the whole network"),
        ],
        [Column("For", query, unit="s", decimals=0, width=110)],
        height=7,
        # By their names critical stands before warning.
        order=[("Severity", False), ("For", True)],
        none="all is well",
    )


def _nodes() -> object:
    stage = each("nodeops_disk_stage")
    return rows(
        "Nodes",
        "One row a host, votes over 5 minutes; red is ill, orange is odd. An empty cell is a part that nobody can look at, or"
        " that monitors and repositories do not have.",
        [Column("Organisation", "organisation", width=130), Column("Node", "node", link=NODE_PAGE, width=100)],
        [
            replace(column, width=101)
            for column in (
                Column("Answers", each("up", more=f",{EVERY_HOST}"), said=UP),
                Column("Ledger", each("nodeops_ledger_up"), said=UP),
                Column("Height", each("nodeops_ledger_height_blocks"), decimals=0),
                Column("Behind", each("nodeops_ledger_lag_blocks"), steps=((None, GOOD), (5, ODD), (20, ILL))),
                Column("Peers", each("nodeops_ledger_peers"), steps=((None, ILL), (1, ODD), (2, GOOD))),
                Column("Signed", SIGNED, unit="percentunit", steps=ALL_IS_GOOD, decimals=0),
                Column("Fullest disk", each("nodeops_disk_used_ratio"), unit="percentunit", steps=DISK, decimals=0),
                Column("Disk stage", stage, said=STAGE),
                Column("Firewall", each("nodeops_firewall_loaded"), said=ON),
                Column("Hardening", each("nodeops_hardening_score_ratio"), unit="percentunit", steps=ALL_IS_GOOD, decimals=0),
                Column(
                    "Certificate", f"{each('nodeops_certificate_not_after_timestamp_seconds', 'min')} - time()", "s", DAYS_LEFT
                ),
                Column("Up since", f"time() - {each('nodeops_boot_timestamp_seconds')}", unit="s", decimals=0),
            )
        ],
        height=9,
    )


def _lines() -> list[object]:
    return [
        lines(
            "Blocks behind",
            "How many blocks each node lacks of the best that a peer of its own claims.",
            {"{{node}}": each("nodeops_ledger_lag_blocks")},
            "none",
            found=((None, "transparent"), (20, ILL)),
            least=0,
            most=5,
            width=8,
        ),
        lines(
            "Blocks signed",
            "Share of blocks that hold a node's vote, over 5 minutes.",
            {"{{node}}": SIGNED},
            "percentunit",
            least=0,
            most=1,
            width=8,
        ),
        lines(
            "Fullest disk",
            "How full the fullest filesystem of each node is; the lines are where the guard's stages begin as shipped.",
            {"{{node}}": each("nodeops_disk_used_ratio")},
            "percentunit",
            found=DISK,
            least=0,
            most=1,
            width=8,
        ),
    ]
