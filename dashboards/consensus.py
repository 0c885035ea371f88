"""The chain: who votes, what it can lose, how fast it makes blocks."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import SIGNED
from dashboards.mesh import LOSS
from dashboards.pages import NETWORK, NEWEST_BLOCK, NODE_PAGE, NODES, counted, middle, page
from dashboards.panels import ALL_IS_GOOD, GOOD, ILL, ODD, PLAIN, SOME_IS_ODD, Column, bars, lines, number, rows

_ASKED = f'{NETWORK},peer=~"$node"'


def consensus() -> Dashboard:
    """Return the dashboard of the chain, with what the network between nodes has to do with it."""
    return page(
        "consensus",
        "The chain: who votes, what may be lost, how fast blocks come.",
        [*_numbers(), *_votes(), *_network(), *_proposals(), *_nodes()],
        nodes="many",
    )


def _powers() -> list[str]:
    return [middle(f"nodeops_quorum_{name}_power{{{NETWORK}}}", "min") for name in ("total", "live", "margin")]


def _numbers() -> list[object]:
    total, live, margin = _powers()
    return [
        number("Voting power", "Voting power of all validators.", total, "none", PLAIN, none="chain stands"),
        number("Live", "Power of validators that signed one of the newest commits.", live, "none", PLAIN, none="chain stands"),
        number(
            "May be lost",
            "Live power that may be lost before blocks stop.",
            margin,
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
            "Time between blocks",
            "Seconds a block, over 5 minutes, on most nodes.",
            f"1 / {middle(f'deriv(nodeops_ledger_height_blocks{{{NETWORK}}}[5m])', 'min')}",
            "s",
            PLAIN,
            decimals=2,
        ),
        number(
            "Nodes that catch up",
            "Nodes that fetch blocks which others already have; they do not vote.",
            counted(f"nodeops_ledger_catching_up{{{NETWORK}}} == bool 1"),
            "none",
            SOME_IS_ODD,
        ),
    ]


def _votes() -> list[object]:
    total, live, margin = _powers()
    return [
        bars(
            "Blocks signed, 5 min",
            "Share of blocks that hold each validator's vote.",
            SIGNED.replace(NETWORK, NODES),
            "percentunit",
            ALL_IS_GOOD,
            "{{node}}",
            most=1,
        ),
        lines(
            "Votes missed",
            "Commits a second without a validator's vote.",
            {"{{node}}": f"rate(nodeops_consensus_missed_total{{{NODES}}}[$__rate_interval])"},
            "none",
            width=8,
            least=0,
        ),
        lines(
            "Quorum",
            "Power that is live, and what may be lost of it; below 0 no block is made.",
            {"all": total, "live": live, "may be lost": margin},
            "none",
            width=8,
            least=0,
        ),
    ]


def _network() -> list[object]:
    """Return votes beside paths: what is ill at the same time, on the same node, explains more than either alone."""
    interval, pause = (middle(f"nodeops_consensus_block_{name}_seconds{{{NETWORK}}}") for name in ("interval", "pause"))
    return [
        lines(
            "Votes missed beside paths",
            "Each node's share of missing votes, and the mean loss of the paths to it: both at once is the network.",
            {
                "{{node}} votes": f"1 - ({SIGNED.replace(NETWORK, NODES)})",
                "{{node}} loss": f'label_replace(avg by (peer) ({LOSS.replace(NODES, _ASKED)}), "node", "$1", "peer", "(.*)")',
            },
            "percentunit",
            width=8,
            least=0,
            most=0.1,
        ),
        lines(
            "Pace",
            "Seconds from block to block, beside the pause that the consortium file asks for: the rest is voting.",
            {"interval": interval, "pause": pause},
            "s",
            width=8,
            least=0,
        ),
        lines(
            "Rounds lost",
            "Rounds a second that came to nothing; each costs the protocol's timeouts.",
            {"rounds": middle(f"rate(nodeops_consensus_lost_rounds_total{{{NETWORK}}}[$__rate_interval])")},
            "none",
            width=8,
            least=0,
            most=0.1,
        ),
    ]


def _proposals() -> list[object]:
    """Return who is slow to propose, whether it is slow to make its blocks, and where the time of a block goes."""
    return [
        lines(
            "Time to propose",
            "From a node's proposal to a quorum of votes, median of 5 minutes: one that stands out is slow, or slowly reached.",
            {"{{node}}": f"quantile_over_time(0.5, nodeops_consensus_proposal_quorum_seconds{{{NODES}}}[5m])"},
            "s",
            width=8,
            least=0,
        ),
        lines(
            "Time to make a proposal",
            "What a node takes for a block before it proposes it, over 5 minutes: its host and application, not its network.",
            {"{{node}}": _mean("proposal_making_seconds", "proposals_made")},
            "s",
            width=8,
            least=0,
        ),
        lines(
            "Steps of a block",
            "Mean time in each step over the nodes; propose is the wait for the proposals of all, so it names nobody.",
            {"{{step}}": f"avg by (step) ({_mean('step_seconds', 'steps')})"},
            "s",
            width=8,
            least=0,
        ),
    ]


def _mean(seconds: str, times: str) -> str:
    total, often = (f"rate(nodeops_consensus_{name}_total{{{NODES}}}[5m])" for name in (seconds, times))
    return f"{total} / ({often} > 0)"


def _nodes() -> list[object]:
    height = f"nodeops_ledger_height_blocks{{{NODES}}}"
    return [
        lines(
            "Blocks a second",
            "How fast each node's chain grows; a node that catches up is faster than the others.",
            {"{{node}}": f"deriv({height}[2m])"},
            "none",
            width=8,
            least=0,
        ),
        lines(
            "Blocks behind",
            "How many blocks each node lacks of the best that a peer of its own claims.",
            {"{{node}}": f"nodeops_ledger_lag_blocks{{{NODES}}}"},
            "none",
            width=8,
            least=0,
            most=5,
        ),
        rows(
            "Validators and witnesses",
            "Voting power as the node itself sees it; a validator without power runs and does nothing.",
            [Column("Organisation", "organisation"), Column("Node", "node", link=NODE_PAGE), Column("Duty", "duty")],
            [
                Column("Power", f"max by (organisation, node, duty) (nodeops_consensus_voting_power{{{NODES}}})"),
                Column("Peers", f"max by (organisation, node, duty) (nodeops_ledger_peers{{{NODES}}})"),
            ],
            width=8,
        ),
    ]
