"""Backups: which node has none, an old one, one that fails, or one that nobody ever read back."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.pages import NODE_PAGE, NODES, counted, page
from dashboards.panels import GOOD, ILL, NONE_IS_GOOD, ODD, Column, Steps, lines, number, rows

_AGE = f"time() - nodeops_backup_last_timestamp_seconds{{{NODES}}}"
# Backups are made every hour; the alert comes after 26.
_AGES: Steps = ((None, GOOD), (3 * 3600, ODD), (26 * 3600, ILL))
# Drills are weekly.
_DRILLS: Steps = ((None, GOOD), (8 * 86400, ODD), (31 * 86400, ILL))
_DRILLED = f"time() - nodeops_backup_drill_timestamp_seconds{{{NODES}}}"
_NONE = "no backups"


def backup() -> Dashboard:
    """Return the dashboard of backups and of drills, in which they are read back."""
    return page(
        "backup",
        "Which node has no backup, an old one, one that fails, or one that was never read back.",
        [*_numbers(), *_panels()],
        nodes="many",
        since="now-7d",
    )


def _numbers() -> list[object]:
    failed, drill_failed = (counted(f"nodeops_backup_{name}{{{NODES}}} == bool 1") for name in ("failed", "drill_failed"))
    size = f"sum(nodeops_backup_size_bytes{{{NODES}}})"
    without = f'count(up{{job="nodeops",{NODES}}} unless on (network, node) nodeops_backup_last_timestamp_seconds) or vector(0)'
    return [
        number("Nodes without a backup", "Nodes that never made one, or do not answer.", without, "none", NONE_IS_GOOD),
        number("Nodes whose last try failed", "They keep the backups they have.", failed, "none", NONE_IS_GOOD, none=_NONE),
        number(
            "Oldest backup",
            "Age of the newest backup of the node that has waited longest.",
            f"max({_AGE})",
            "s",
            _AGES,
            none=_NONE,
        ),
        number("Size", "What the newest backups of all nodes hold.", size, "bytes", ((None, "text"),), none=_NONE),
        number(
            "Drills that failed",
            "Nodes whose newest backup could not be read back, or did not fit the chain.",
            drill_failed,
            "none",
            NONE_IS_GOOD,
            none="no drill",
        ),
        number(
            "Oldest drill",
            "Age of the last drill of the node that has waited longest.",
            f"max({_DRILLED})",
            "s",
            _DRILLS,
            none="no drill",
        ),
    ]


def _panels() -> list[object]:
    by = "max by (organisation, node)"
    return [
        rows(
            "Nodes",
            "The newest backup of each node.",
            [Column("Organisation", "organisation"), Column("Node", "node", link=NODE_PAGE)],
            [
                Column("Age", f"{by} ({_AGE})", unit="s", steps=_AGES, decimals=0),
                Column("Last try", f"{by} (nodeops_backup_failed{{{NODES}}})", said={"0": ("made", GOOD), "1": ("FAILED", ILL)}),
                Column("Holds", f"{by} (nodeops_backup_size_bytes{{{NODES}}})", unit="bytes"),
                Column("Took", f"{by} (nodeops_backup_duration_seconds{{{NODES}}})", unit="s", decimals=0),
                Column(
                    "Drill", f"{by} (nodeops_backup_drill_failed{{{NODES}}})", said={"0": ("passed", GOOD), "1": ("FAILED", ILL)}
                ),
                Column("Drilled", f"{by} ({_DRILLED})", unit="s", steps=_DRILLS, decimals=0),
            ],
            width=12,
            none=_NONE,
        ),
        lines(
            "Size over time",
            "What the newest backup of each node holds; one that is suddenly small lacks something.",
            {"{{node}}": f"nodeops_backup_size_bytes{{{NODES}}}"},
            "bytes",
            width=6,
            least=0,
            none=_NONE,
        ),
        lines(
            "Time",
            "How long each took.",
            {"{{node}}": f"nodeops_backup_duration_seconds{{{NODES}}}"},
            "s",
            width=6,
            least=0,
            none=_NONE,
        ),
    ]
