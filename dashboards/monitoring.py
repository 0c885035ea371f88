"""Who watches the watchers: scrapes, collectors, rules, and what a monitor tells whom."""

from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.pages import EVERY_HOST, NODE_PAGE, NODES, page
from dashboards.panels import GOOD, ILL, NONE_IS_GOOD, ODD, PLAIN, UP, Column, lines, number, rows

SCRAPES = f"{{{EVERY_HOST},{NODES}}}"
# A host may call its metrics anything: what Prometheus and Alertmanager say counts from the monitor's own.
OWN = '{job="monitor"}'


def monitoring() -> Dashboard:
    """Return the dashboard of monitoring itself."""
    return page(
        "monitoring",
        "Monitoring itself: what nobody looks at, and who is not told.",
        [*_numbers(), *_nodes(), *_monitor()],
        nodes="many",
    )


def _numbers() -> list[object]:
    return [
        number("Hosts that do not answer", "Exporters this monitor cannot ask.", f"sum(1 - up{SCRAPES})", "none", NONE_IS_GOOD),
        number(
            "Collectors that fail",
            "Parts of nodes that nobody can look at.",
            f"sum(nodeops_collector_up{{{NODES}}} == bool 0)",
            "none",
            NONE_IS_GOOD,
        ),
        number(
            "Rules that failed",
            "Judgements of rules that failed in the last hour.",
            f"sum(increase(prometheus_rule_evaluation_failures_total{OWN}[1h]))",
            "none",
            NONE_IS_GOOD,
            decimals=0,
        ),
        number(
            "Messages not delivered",
            "Messages of Alertmanager that failed in the last hour.",
            f"sum(increase(alertmanager_notifications_failed_total{OWN}[1h]))",
            "none",
            NONE_IS_GOOD,
            decimals=0,
        ),
        number("Series", "Series in the monitor's memory.", f"sum(prometheus_tsdb_head_series{OWN})", "short", PLAIN),
        number(
            "Dead man's switch",
            "The alert that always fires; without it no alert arrives.",
            'count(ALERTS{alertname="DeadMansSwitch",alertstate="firing"})',
            "none",
            PLAIN,
            said={"1": ("fires", GOOD)},
            none="SILENT",
        ),
    ]


def _nodes() -> list[object]:
    late = f"(time() - nodeops_collector_last_success_timestamp_seconds{{{NODES}}})"
    return [
        rows(
            "Collectors",
            "Every part of every node: whether the last look succeeded, how long it took, and how long ago it was.",
            [Column("Node", "node", link=NODE_PAGE), Column("Collector", "collector")],
            [
                Column("Looks", f"max by (node, collector) (nodeops_collector_up{{{NODES}}})", said=UP),
                Column("Took", f"max by (node, collector) (nodeops_collector_duration_seconds{{{NODES}}})", unit="s"),
                Column(
                    "Last",
                    f"max by (node, collector) {late}",
                    unit="s",
                    steps=((None, GOOD), (400, ODD), (1200, ILL)),
                    decimals=0,
                ),
                Column(
                    "Every", f"max by (node, collector) (nodeops_collector_interval_seconds{{{NODES}}})", unit="s", decimals=0
                ),
            ],
            width=12,
        ),
        lines(
            "Scrapes",
            "How long a scrape of each node takes.",
            {"{{node}}": f"scrape_duration_seconds{SCRAPES}"},
            "s",
            width=6,
            least=0,
        ),
        lines("Samples", "Samples of each scrape.", {"{{node}}": f"scrape_samples_scraped{SCRAPES}"}, "none", width=6, least=0),
        rows(
            "Custom metrics",
            "Text files that others put there; one that is refused is not exported, and of too many some are left out.",
            [Column("Node", "node", link=NODE_PAGE), Column("File", "file")],
            [
                Column("Read", f"max by (node, file) (nodeops_text_file_up{{{NODES}}})", said=UP),
                Column("Left out", f"max by (node) (nodeops_text_files_left_out{{{NODES}}}) > 0", steps=NONE_IS_GOOD),
                Column(
                    "Age", f"time() - max by (node, file) (nodeops_text_file_timestamp_seconds{{{NODES}}})", unit="s", decimals=0
                ),
            ],
            none="no custom metrics",
            height=5,
        ),
    ]


def _monitor() -> list[object]:
    took = f'label_replace(prometheus_rule_group_last_duration_seconds{OWN}, "group", "$1", "rule_group", ".*;(.*)")'
    return [
        Row("The monitor"),
        lines(
            "Judging",
            "How long each group of rules takes.",
            {"{{group}}": took},
            "s",
            width=8,
            least=0,
        ),
        lines(
            "Alerts held",
            "Alerts that Alertmanager holds, by state.",
            {"{{state}}": f"sum by (state) (alertmanager_alerts{OWN})"},
            "none",
            width=8,
            least=0,
        ),
        lines(
            "Messages",
            "Messages a second that Alertmanager sends, by kind of receiver.",
            {
                "{{integration}}": f"sum by (integration) (rate(alertmanager_notifications_total{OWN}[5m])) > 0",
                "{{integration}} failed": f"sum by (integration) (rate(alertmanager_notifications_failed_total{OWN}[5m])) > 0",
            },
            "cps",
            width=8,
            least=0,
            none="nobody is told: no receiver, or nothing to tell",
        ),
        rows(
            "All monitors",
            "How long ago each monitor of the consortium asked the nodes, as the middle one of them says.",
            [Column("Monitor", "client")],
            [
                Column(
                    "Asked",
                    f"time() - quantile by (client) (0.5, nodeops_exporter_asked_timestamp_seconds{{{NODES}}})",
                    unit="s",
                    steps=((None, GOOD), (120, ODD), (300, ILL)),
                    decimals=0,
                ),
            ],
            height=5,
        ),
    ]
