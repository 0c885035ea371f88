"""Firewall, hardening, pending patches, certificates, logs elsewhere, and whether all hosts follow the same file."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import each
from dashboards.pages import NODE_PAGE, NODES, counted, page
from dashboards.panels import (
    ALL_IS_GOOD,
    DAYS_LEFT,
    GOOD,
    ILL,
    NONE_IS_GOOD,
    ODD,
    ON,
    SOME_IS_ODD,
    Column,
    bars,
    lines,
    number,
    rows,
)

_SINCE = ("oldest_security", "lists")


def security() -> Dashboard:
    """Return the dashboard of what keeps hosts closed."""
    says = "Firewall, hardening, pending patches, certificates, logs elsewhere, and whether all hosts follow the same file."
    return page("security", says, [*_numbers(), *_panels(), *_tables(), *_patches(), *_logs()], nodes="many", since="now-24h")


def _numbers() -> list[object]:
    ends = f"min(nodeops_certificate_not_after_timestamp_seconds{{{NODES}}}) - time()"
    return [
        number(
            "Firewalls off",
            "Nodes whose kernel does not hold the rules.",
            counted(f"nodeops_firewall_loaded{{{NODES}}} == bool 0"),
            "none",
            NONE_IS_GOOD,
            width=6,
        ),
        number(
            "Lowest hardening score",
            "Share of controls that passed in the last whole audit, of the worst node.",
            f"min(nodeops_hardening_score_ratio{{{NODES}}})",
            "percentunit",
            ALL_IS_GOOD,
            width=6,
            none="no audit yet",
            decimals=1,
        ),
        number("Next certificate ends in", "Of all certificates, the one that ends first.", ends, "s", DAYS_LEFT, width=6),
        number(
            "Consortium files followed",
            "Different consortium files that hosts were made from; more than one is a network that does not agree.",
            f"count(count by (digest) (nodeops_document_info{{{NODES}}}))",
            "none",
            ((None, GOOD), (2, ODD)),
            width=6,
        ),
    ]


def _panels() -> list[object]:
    return [
        bars(
            "Hardening",
            "Share of controls that passed in the last whole audit of each node.",
            f"nodeops_hardening_score_ratio{{{NODES}}}",
            "percentunit",
            ALL_IS_GOOD,
            "{{node}}",
            most=1,
            none="no audit yet",
        ),
        lines(
            "Hardening over time",
            "Drift from what was agreed.",
            {"{{node}}": f"nodeops_hardening_score_ratio{{{NODES}}}"},
            "percentunit",
            width=8,
            most=1,
            none="no audit yet",
        ),
        lines(
            "Refused packets",
            "Packets a second that no rule let in: somebody knocks, or a rule is missing.",
            {"{{node}} {{chain}}": f"rate(nodeops_firewall_refused_packets_total{{{NODES}}}[$__rate_interval])"},
            "pps",
            width=8,
            least=0,
        ),
    ]


def _tables() -> list[object]:
    chosen = ',node=~"$node"'
    age = f"time() - {each('nodeops_hardening_audit_timestamp_seconds', more=chosen)}"
    info = "max by (organisation, node, version, tree)"
    return [
        rows(
            "Certificates",
            "Each node's own certificate, and those of the monitors it lets in.",
            [Column("Node", "node", link=NODE_PAGE), Column("What for", "purpose"), Column("Of", "subject")],
            [
                Column(
                    "Ends in",
                    f"min by (node, purpose, subject) (nodeops_certificate_not_after_timestamp_seconds{{{NODES}}}) - time()",
                    unit="s",
                    steps=DAYS_LEFT,
                )
            ],
            width=8,
        ),
        rows(
            "Audits",
            "Whether the kernel holds the rules, and how old the last whole audit is.",
            [Column("Organisation", "organisation"), Column("Node", "node", link=NODE_PAGE)],
            [
                Column("Firewall", each("nodeops_firewall_loaded", more=chosen), said=ON),
                Column("Audit", age, unit="s", steps=((None, GOOD), (8 * 86400, ODD), (31 * 86400, ILL))),
            ],
            width=8,
        ),
        rows(
            "Versions",
            "Version and tree of the agent on each node.",
            [Column("Node", "node", link=NODE_PAGE), Column("Version", "version"), Column("Tree", "tree")],
            [Column("Since boot", f"{info} (nodeops_build_info{{{NODES}}})")],
            width=8,
            hidden=("organisation", "Value"),
        ),
    ]


def _patches() -> list[object]:
    chosen = ',node=~"$node"'
    oldest, lists = (f"time() - {each(f'nodeops_patch_{one}_timestamp_seconds', more=chosen)}" for one in _SINCE)
    security, other = (each("nodeops_patch_pending_packages", "sum", f'{chosen},class="{one}"') for one in ("security", "other"))
    return [
        rows(
            "Updates",
            "What is pending on each node, and for how long: the age of a known hole counts, not how many there are.",
            [Column("Organisation", "organisation"), Column("Node", "node", link=NODE_PAGE)],
            [
                Column("Security", security, steps=SOME_IS_ODD),
                Column("Oldest of them", oldest, unit="s", steps=((None, GOOD), (7 * 86400, ODD), (14 * 86400, ILL))),
                Column("Other", other),
                Column("Old programs run", each("nodeops_patch_stale_services", more=chosen), steps=SOME_IS_ODD),
                Column("Reboot", each("nodeops_patch_reboot_required", more=chosen), said={"0": ("no", GOOD), "1": ("DUE", ODD)}),
                Column("Lists read", lists, unit="s", steps=((None, GOOD), (2 * 86400, ODD), (14 * 86400, ILL))),
            ],
            width=16,
            none="nobody looked yet: playbooks/patch.yml",
        ),
        lines(
            "Pending patches of security",
            "How many each node lacks.",
            {"{{node}}": f'nodeops_patch_pending_packages{{class="security",{NODES}}}'},
            "none",
            width=8,
            least=0,
            none="nobody looked yet",
        ),
    ]


def _logs() -> list[object]:
    by, none = "max by (node, sender)", "no log host: hardening.log_hosts names none"
    heard = f"time() - {by} (nodeops_log_host_heard_timestamp_seconds{{{NODES}}})"
    left_out = f"{by} (increase(nodeops_log_host_left_out_lines_total{{{NODES}}}[1h]))"
    return [
        rows(
            "Logs on another host",
            "What each log host has of each node: it says something every ten minutes; what is beyond a day's bound is left out.",
            [Column("Log host", "node"), Column("Node", "sender", link=NODE_PAGE)],
            [
                Column("Heard", heard, unit="s", steps=((None, GOOD), (1200, ODD), (3600, ILL)), decimals=0),
                Column("Kept", f"{by} (nodeops_log_host_kept_bytes{{{NODES}}})", unit="bytes"),
                Column(
                    "Day is full",
                    f"{by} (nodeops_log_host_today_ratio{{{NODES}}})",
                    unit="percentunit",
                    steps=((None, GOOD), (0.8, ODD), (0.99, ILL)),
                    decimals=0,
                ),
                Column("Left out, 1 hour", left_out, steps=((None, GOOD), (1, ILL)), decimals=0),
            ],
            width=16,
            none=none,
        ),
        lines(
            "Logs that wait",
            "What waits on each node's disk for its log host.",
            {"{{node}}": f"nodeops_log_host_waiting_bytes{{{NODES}}}"},
            "bytes",
            width=8,
            least=0,
            none=none,
        ),
    ]
