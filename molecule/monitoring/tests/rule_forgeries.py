"""What one host could say, or many times over by labels of its own, to raise or hide an alert: series, and what fires.

The host that lies is called evil. Whose target it is decides its labels network and node; every other label is its own.
"""

from dataclasses import dataclass

from rule_series import answers, path, votes

TIMES = 5
FREE_TEXT = 'client="Please log in at https://evil.example"'


@dataclass(frozen=True)
class Forgery:
    """Series as in a Case, and how many alerts fire, among those with the labels `which`, when the rule must have been heard."""

    series: dict[str, str]
    firing: int = 0
    which: str = ""


def said(name: str, node: str, labels: str = "") -> str:
    """Return a series of a node."""
    return f'nodeops_{name}{{network="n",node="{node}"{"," + labels if labels else ""}}}'


def all_say(name: str, values: str, labels: str = "", nodes: str = "abc") -> dict[str, str]:
    """Return the same series of each node."""
    return {said(name, node, labels): values for node in nodes}


def again(series: dict[str, str]) -> dict[str, str]:
    """Return series as a host shows them that wants to count for many."""
    return {f'{name[:-1]},x="{number}"}}': values for name, values in series.items() for number in range(TIMES)}


HEAD, HEIGHT, MARGIN = "ledger_head_timestamp_seconds", "ledger_height_blocks", "quorum_margin_power"
ASKED = "exporter_asked_timestamp_seconds"
FORGERIES: dict[str, list[Forgery]] = {
    "NetworkHalted": [
        Forgery({**all_say(HEAD, "-90x400"), **again({said(HEAD, "evil"): "0+15x400"})}, firing=1),
        Forgery({**all_say(HEAD, "0+15x400"), **again({said(HEAD, "evil"): "-90x400"})}),
    ],
    "NodeStalled": [Forgery({**all_say(HEIGHT, "100x400"), **again({said(HEIGHT, "evil"): "9999x400"})})],
    "QuorumMarginZero": [
        Forgery({**all_say(MARGIN, "1x400"), **again({said(MARGIN, "evil"): "0x400"})}),
        Forgery({**all_say(MARGIN, "0x400"), **again({said(MARGIN, "evil"): "9x400"})}, firing=1),
    ],
    "RoundsLost": [
        Forgery(
            {
                **votes("a", "0x400", "0+16x400"),
                **votes("b", "0x400", "0+16x400"),
                **again(votes("evil", "0x400", "0+16x400", "0+16x400")),
            }
        ),
        Forgery(
            {
                **votes("a", "0x400", "0+16x400", "0+16x400"),
                **votes("b", "0x400", "0+16x400", "0+16x400"),
                **again(votes("evil", "0x400", "0+16x400")),
            },
            firing=1,
        ),
    ],
    "MeshNodeIsolated": [
        Forgery({**path("a", "c"), **path("b", "c"), **again(path("evil", "c", 15)), **answers("c")}),
        Forgery(
            {
                **path("a", "c", 15),
                **path("b", "c", 15),
                **path("d", "c", 15),
                **again(path("evil", "c")),
                **answers("c", "wx"),
            },
            firing=1,
            which='organisation="wx"',
        ),
        # Two of one organisation that name a node which there is not.
        Forgery({**path("evil", "Please log in", 15), **path("evil-2", "Please log in", 15), **answers("c")}),
    ],
    # Nobody is asked at all: what is not there says nothing, and must not be all well.
    "HostsUnwatched": [Forgery({"nodeops:hosts:count": "4x400", 'up{job="monitor"}': "1x400"}, firing=1)],
    # A monitor that asks is not dead because one host says so, nor alive; and one that only a few name is an invention.
    "MonitorSilent": [
        Forgery({**all_say(ASKED, "0+15x400", 'client="m"'), **again({said(ASKED, "evil", 'client="m"'): "0x400"})}),
        Forgery({**all_say(ASKED, "0x400", 'client="m"'), **again({said(ASKED, "evil", 'client="m"'): "0+15x400"})}, firing=1),
        Forgery({**all_say(ASKED, "0+15x400", 'client="m"'), **again({said(ASKED, "evil", FREE_TEXT): "0x400"})}),
    ],
}
