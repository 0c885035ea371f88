"""What was promised and what was kept: how long chain and nodes served, as the monitor saw it, planned work left out.

The monitor's own rules say of every half minute whether it was good (roles/monitoring, service.yml): a host that is gone says
nothing of itself, and its silence must count.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.pages import NETWORK, NODE_PAGE, NODES, page
from dashboards.panels import GOOD, ILL, ODD, PLAIN, SOME_IS_ODD, Column, Steps, lines, number, rows

_SLICE_SECONDS = 30
_MONTH_SECONDS = 30 * 86400
_OBJECTIVE = "scalar(nodeops:objective:ratio)"
_BUDGET: Steps = ((None, ILL), (0.1, ODD), (0.5, GOOD))
# Of the month's budget, 2 % in an hour at 14.4 times the pace that uses it up by the month's end.
_BURN: Steps = ((None, GOOD), (1, ODD), (14.4, ILL))
_MEASURED: Steps = ((None, ODD), (0.99, GOOD))


def kept(what: str, since: str) -> str:
    """Return the share of good half minutes of those that were measured."""
    return f"avg_over_time({what}[{since}])"


def left(share: str) -> str:
    """Return the share of the budget that is left; below 0 the promise is broken."""
    return f"1 - (1 - {share}) / (1 - {_OBJECTIVE})"


def burn(share: str) -> str:
    """Return how fast the budget is used: at 1 it ends with the month."""
    return f"(1 - {share}) / (1 - {_OBJECTIVE})"


_VOTES = ("signed", "missed")
_CHAIN = f"nodeops:moving:bool{{{NETWORK}}}"
_SERVED = f"nodeops:served:bool{{{NODES}}}"


def service() -> Dashboard:
    """Return the dashboard of service levels."""
    says = "What was promised and kept: how long chain and nodes served, planned work left out. A trend, not a statement."
    return page("service", says, [*_numbers(), *_burns(), *_nodes()], nodes="many", since="now-7d")


def _numbers() -> list[object]:
    month = f"min({kept(_CHAIN, '30d')})"
    measured = f"max(count_over_time({_CHAIN}[30d])) * {_SLICE_SECONDS} / {_MONTH_SECONDS}"
    return [
        number("Objective", "Share of time that is promised.", "max(nodeops:objective:ratio)", "percentunit", PLAIN, decimals=3),
        number("Chain, 30 days", "Share of time with new blocks.", month, "percentunit", PLAIN, decimals=3),
        number("Chain, budget left", "Of what 30 days may lack.", left(month), "percentunit", _BUDGET, decimals=0),
        number(
            "Worst node, 30 days",
            "Share of time in which the worst node answered, its ledger too, and had caught up.",
            f"min({kept(_SERVED, '30d')})",
            "percentunit",
            PLAIN,
            decimals=3,
        ),
        number(
            "Measured",
            "Share of 30 days that this monitor judged: what it did not see is neither good nor bad.",
            measured,
            "percentunit",
            _MEASURED,
            decimals=1,
        ),
        number(
            "Planned work",
            "Nodes with planned work now: their time does not count.",
            "count(count by (network, node) (nodeops:planned:bool)) or vector(0)",
            "none",
            SOME_IS_ODD,
        ),
    ]


def _burns() -> list[object]:
    worst = {since: burn(f"min({kept(_CHAIN, since)})") for since in ("1h", "6h", "3d")}
    return [
        lines(
            "Chain: how fast the budget goes",
            "At 1 the budget of 30 days ends with them; at 14.4 in two days.",
            {f"over {since}": query for since, query in worst.items()},
            "none",
            found=_BURN,
            least=0,
            most=2,
        ),
        lines(
            "Nodes: how fast the budget goes",
            "The same for each node, over an hour.",
            {"{{node}}": burn(kept(_SERVED, "1h"))},
            "none",
            found=_BURN,
            least=0,
            most=2,
        ),
    ]


def _nodes() -> list[object]:
    by = "max by (organisation, node)"
    bad = f"(1 - {kept(_SERVED, '30d')}) * count_over_time({_SERVED}[30d]) * {_SLICE_SECONDS}"
    signed, missed = (f"sum by (organisation, node) (increase(nodeops_consensus_{one}_total{{{NODES}}}[1d]))" for one in _VOTES)
    return [
        rows(
            "Nodes",
            "How long each node served; votes beside it, which say more of a validator than that it answers.",
            [Column("Organisation", "organisation"), Column("Node", "node", link=NODE_PAGE)],
            [
                Column("1 hour", f"{by} ({kept(_SERVED, '1h')})", unit="percentunit", decimals=2),
                Column("1 day", f"{by} ({kept(_SERVED, '1d')})", unit="percentunit", decimals=2),
                Column("30 days", f"{by} ({kept(_SERVED, '30d')})", unit="percentunit", decimals=3),
                Column("Budget left", f"{by} ({left(kept(_SERVED, '30d'))})", unit="percentunit", steps=_BUDGET, decimals=0),
                Column("Bad, 30 days", f"{by} ({bad})", unit="s", decimals=0),
                Column("Votes, 1 day", f"{signed} / ({signed} + {missed} > 0)", unit="percentunit", decimals=2),
            ],
            width=16,
            height=9,
        ),
        lines(
            "Planned work over time",
            "Nodes with planned work: half minutes that do not count.",
            {"{{node}}": f"max by (node) (nodeops:planned:bool{{{NODES}}})"},
            "none",
            width=8,
            least=0,
            most=1,
            none="none planned",
        ),
    ]
