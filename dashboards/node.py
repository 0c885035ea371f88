"""One node: its ledger, its host, its disks, its units."""

from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import SIGNED
from dashboards.pages import NETWORK, NODES, middle, page
from dashboards.panels import ALL_IS_GOOD, DISK, GOOD, ILL, NONE_IS_GOOD, ODD, ON, PLAIN, STAGE, UP, Column, lines, number, rows


def one(metric: str, more: str = "") -> str:
    """Return a metric of the chosen node."""
    return f"{metric}{{{NODES}{more}}}"


def node() -> Dashboard:
    """Return the dashboard of one node."""
    return page(
        "node", "One node: ledger, host, disks, units.", [*_state(), *_ledger(), *_host(), *_disks(), *_units()], nodes="one"
    )


def _state() -> list[object]:
    firing = 'count(ALERTS{alertstate="firing",severity=~"critical|warning",node=~"$node"}) or vector(0)'
    signed = SIGNED.replace('network=~"$network"', NODES)
    return [
        number("Alerts", "Alerts of this node that fire now.", firing, "none", NONE_IS_GOOD),
        number(
            "Ledger",
            "Whether the ledger answers on loopback.",
            one("nodeops_ledger_up"),
            "none",
            PLAIN,
            said=UP,
            none="nobody knows",
        ),
        number(
            "Lag behind its peers",
            "Best height that any peer claims minus this node's own.",
            one("nodeops_ledger_lag_blocks"),
            "none",
            ((None, GOOD), (5, ODD), (20, ILL)),
            none="no peers",
        ),
        number(
            "Blocks signed, 5 min",
            "Share of blocks that hold this node's vote.",
            signed,
            "percentunit",
            ALL_IS_GOOD,
            none="no validator",
            decimals=0,
        ),
        number(
            "Disk stage",
            "Highest stage of the disk guard.",
            f"max({one('nodeops_disk_stage')})",
            "none",
            PLAIN,
            said=STAGE,
            none="nobody knows",
        ),
        number(
            "Firewall",
            "Whether the kernel holds the rules.",
            one("nodeops_firewall_loaded"),
            "none",
            PLAIN,
            said=ON,
            none="nobody knows",
        ),
    ]


def _ledger() -> list[object]:
    return [
        lines(
            "Height",
            "Newest block of this node, and the newest that most nodes have.",
            {
                "{{node}}": one("nodeops_ledger_height_blocks"),
                "most nodes": middle(f"nodeops_ledger_height_blocks{{{NETWORK}}}"),
            },
            "none",
            width=8,
        ),
        lines(
            "Votes",
            "Commits a second with and without this node's vote.",
            {
                "signed": f"rate({one('nodeops_consensus_signed_total')}[$__rate_interval])",
                "missed": f"rate({one('nodeops_consensus_missed_total')}[$__rate_interval])",
            },
            "none",
            width=8,
            stacked=True,
            least=0,
        ),
        lines(
            "Peers",
            "Connected peers, and the members there are besides this node.",
            {"connected": one("nodeops_ledger_peers"), "members": one("nodeops_ledger_members")},
            "none",
            width=8,
            least=0,
        ),
    ]


def _host() -> list[object]:
    busy = one("nodeops_cpu_seconds_total", ',mode!="idle"')
    cpu = f"sum by (mode) (rate({busy}[$__rate_interval]))"
    share = f"1 - {one('nodeops_memory_available_bytes')} / {one('nodeops_memory_total_bytes')}"
    return [
        lines(
            "Processors",
            "Processors at work, by mode; steal is what the machine beneath takes.",
            {"{{mode}}": cpu},
            "none",
            width=8,
            stacked=True,
            least=0,
        ),
        lines(
            "Waiting",
            "Share of time in which some task waited for a resource: the host is too small while utilisation still looks fine.",
            {"{{resource}}": f"rate({one('nodeops_pressure_waiting_seconds_total')}[$__rate_interval])"},
            "percentunit",
            width=8,
            least=0,
        ),
        lines(
            "Memory",
            "Share of memory that cannot be had without swapping.",
            {"used": share},
            "percentunit",
            width=8,
            least=0,
            most=1,
        ),
        lines(
            "Network",
            "Bytes a second of each device, received and sent.",
            {
                "{{device}} received": f"rate({one('nodeops_network_receive_bytes_total')}[$__rate_interval])",
                "{{device}} sent": f"rate({one('nodeops_network_transmit_bytes_total')}[$__rate_interval])",
            },
            "Bps",
            least=0,
        ),
        lines(
            "Clock",
            "The host's clock minus the monitor's; votes carry the time, 5 s are an alert.",
            {"{{node}}": f"{one('nodeops_clock_timestamp_seconds')} - timestamp({one('nodeops_clock_timestamp_seconds')})"},
            "s",
        ),
    ]


def _disks() -> list[object]:
    return [
        Row("Disks"),
        lines(
            "How full",
            "Each filesystem the node needs; the lines are where the guard's stages begin as shipped.",
            {"{{mountpoint}}": one("nodeops_disk_used_ratio")},
            "percentunit",
            found=DISK,
            width=8,
            least=0,
            most=1,
        ),
        lines(
            "The ledger's log",
            "Bytes of the log: live, and sealed.",
            {"{{part}}": one("nodeops_disk_log_bytes")},
            "bytes",
            width=8,
            stacked=True,
            least=0,
        ),
        rows(
            "Filesystems",
            "What the guard says of each; no forecast means that it does not fill.",
            [Column("Filesystem", "mountpoint")],
            [
                Column("Stage", f"max by (mountpoint) ({one('nodeops_disk_stage')})", said=STAGE),
                Column("Free", f"max by (mountpoint) ({one('nodeops_disk_available_bytes')})", unit="bytes"),
                Column("Of", f"max by (mountpoint) ({one('nodeops_disk_total_bytes')})", unit="bytes"),
                Column(
                    "Inodes used",
                    f"max by (mountpoint) ({one('nodeops_disk_inodes_used_ratio')})",
                    unit="percentunit",
                    decimals=0,
                ),
                Column("Full in", f"min by (mountpoint) ({one('nodeops_disk_time_to_full_seconds')})", unit="s"),
            ],
            width=8,
        ),
    ]


def _units() -> list[object]:
    return [
        Row("Units"),
        rows(
            "Units",
            "What systemd says of ledger, disk guard and firewall, and how often it restarted them by itself.",
            [Column("Unit", "unit")],
            [
                Column("Active", f"max by (unit) ({one('nodeops_service_active')})", said=UP),
                Column("Restarts", f"max by (unit) ({one('nodeops_service_restarts_total')})", steps=((None, GOOD), (1, ODD))),
            ],
            width=12,
        ),
        lines(
            "Refused packets",
            "Packets a second that no rule let in: somebody knocks, or a rule is missing.",
            {"{{chain}}": f"rate({one('nodeops_firewall_refused_packets_total')}[$__rate_interval])"},
            "pps",
            least=0,
        ),
    ]
