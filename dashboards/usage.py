"""How much the network is used, and by whom it is carried: transactions, proposals, traffic, disk."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.pages import NETWORK, NODES, middle, page
from dashboards.panels import DISK, ILL, PLAIN, bars, lines, number

# Every node stores every block: the middle one of them says it, and their sum would say it many times.
_TRANSACTIONS = f"nodeops_ledger_transactions_total{{{NETWORK}}}"
_HEIGHT = f"nodeops_ledger_height_blocks{{{NETWORK}}}"


def usage() -> Dashboard:
    """Return the dashboard of usage."""
    says = "How much the network is used: trends. What is owed for it is counted from the blocks, never from here."
    return page("usage", says, [*_numbers(), *_chain(), *_hosts()], nodes="many", since="now-24h")


def _numbers() -> list[object]:
    return [
        number(
            "Transactions a second",
            "Over 5 minutes.",
            middle(f"rate({_TRANSACTIONS}[5m])"),
            "none",
            PLAIN,
            width=6,
            decimals=2,
        ),
        number(
            "Transactions, 1 day",
            "In the blocks of the last day, as far as this monitor has seen them.",
            middle(f"increase({_TRANSACTIONS}[1d])"),
            "short",
            PLAIN,
            width=6,
            decimals=0,
        ),
        number(
            "Blocks, 1 day",
            "By which the chain grew in the last day, as far as this monitor has seen it.",
            middle(f"{_HEIGHT} - min_over_time({_HEIGHT}[1d])"),
            "short",
            PLAIN,
            width=6,
            decimals=0,
        ),
        number(
            "Logs",
            "What the ledger's logs take on all nodes, sealed and live.",
            f"sum(nodeops_disk_log_bytes{{{NETWORK}}})",
            "bytes",
            PLAIN,
            width=6,
        ),
    ]


def _chain() -> list[object]:
    proposed = f"nodeops_consensus_proposed_total{{{NETWORK}}}"
    return [
        lines(
            "Transactions",
            "Transactions a second in committed blocks.",
            {"transactions": middle(f"rate({_TRANSACTIONS}[$__rate_interval])")},
            "none",
            width=8,
            least=0,
        ),
        lines(
            "Blocks proposed",
            "Blocks a second by the organisation whose validator proposed them.",
            {"{{organisation}}": f"sum by (organisation) (rate({proposed}[5m]))"},
            "none",
            width=8,
            least=0,
            stacked=True,
        ),
        bars(
            "Share of blocks, 1 day",
            "Who carried the network: share of the blocks that each organisation proposed.",
            f"sum by (organisation) (increase({proposed}[1d])) / scalar(sum(increase({proposed}[1d])) > 0)",
            "percentunit",
            PLAIN,
            "{{organisation}}",
            most=1,
        ),
    ]


def _hosts() -> list[object]:
    sent = f"sum by (node) (rate(nodeops_network_transmit_bytes_total{{{NODES}}}[$__rate_interval]))"
    return [
        lines("Traffic", "What each node sends.", {"{{node}}": sent}, "Bps", width=8, least=0),
        lines(
            "Logs of each node",
            "What the ledger's logs take, sealed and live.",
            {"{{node}}": f"sum by (node) (nodeops_disk_log_bytes{{{NODES}}})"},
            "bytes",
            width=8,
            least=0,
        ),
        lines(
            "Fullest disk of each node",
            "How full the fullest filesystem is.",
            {"{{node}}": f"max by (node) (nodeops_disk_used_ratio{{{NODES}}})"},
            "percentunit",
            found=DISK,
            width=8,
            least=0,
            most=1,
        ),
        lines(
            "Room for what hosts without a ledger keep",
            "How full the filesystem is on which they keep logs of nodes, backups, or what a monitor has asked.",
            {"{{node}} {{store}}": f"1 - nodeops_store_free_bytes{{{NODES}}} / nodeops_store_size_bytes{{{NODES}}}"},
            "percentunit",
            found=((None, "transparent"), (0.9, ILL)),
            width=8,
            least=0,
            most=1,
            none="no monitor, no repository",
        ),
    ]
