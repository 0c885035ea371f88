"""What a case of a rule is, and series for it: each by name, with values as promtool writes them, one every few seconds."""

from dataclasses import dataclass

HOST = 'network="n",node="a"'
SECOND = 'network="n",node="b"'
UP = f'up{{job="nodeops",{HOST}}}'
MINUTE = 60
HOUR = 3600
DAY = 86400


@dataclass(frozen=True)
class Case:
    """Series by name with promtool's notation of values, one value every `step` seconds; x400 at their end means to the end.

    `holds` are the seconds of the rule's `for`, counted from `begins`. `late` is when the rule must have been heard: longer than
    it holds. `vanished` is how many alerts fire when every series of the firing case has ended: what is not there fires
    nothing, unless another rule is about that.
    """

    fires: dict[str, str]
    quiet: dict[str, str]
    holds: int
    firing: int = 1
    vanished: int = 0
    begins: int = 0
    late: int = 30 * MINUTE
    step: int = 15


def one(name: str, labels: str = "") -> str:
    """Return a series of the first host."""
    return f"nodeops_{name}{{{HOST}{',' + labels if labels else ''}}}"


def two(name: str) -> str:
    """Return the same of the second host."""
    return f"nodeops_{name}{{{SECOND}}}"


def path(observer: str, peer: str, lost: float | str = 0, unsent: float | str = 0, sent: float | str = 15) -> dict[str, str]:
    """Return the series of a path on which so many questions of 15 seconds are lost, and others could not be sent at all.

    A number goes on like that; text are the values as promtool writes them.
    """
    labels = f'{{network="n",node="{observer}",peer="{peer}"}}'
    sent, lost, unsent = (value if isinstance(value, str) else f"0+{value}x400" for value in (sent, lost, unsent))
    return {
        f"nodeops_mesh_probes_sent_total{labels}": sent,
        f"nodeops_mesh_probes_lost_total{labels}": lost,
        f"nodeops_mesh_probes_unsent_total{labels}": unsent,
    }


def own(name: str, labels: str) -> str:
    """Return a series of one of the monitor's own parts."""
    return f'{name}{{job="monitor",{labels}}}'


def answers(node: str, organisation: str = "o") -> dict[str, str]:
    """Return the series of a target that answers."""
    return {f'up{{job="nodeops",network="n",node="{node}",organisation="{organisation}"}}': "1x400"}


def closed(observer: str, peer: str) -> dict[str, str]:
    """Return the series of a path on which the kernel sends nothing."""
    return path(observer, peer, unsent=15, sent=0)


def votes(node: str, missed: str, signed: str, lost: str = "0x400", network: str = "n") -> dict[str, str]:
    """Return the counters of a validator: commits without its vote, with it, and the rounds lost before them."""
    labels = f'{{network="{network}",node="{node}"}}'
    return {
        f"nodeops_consensus_missed_total{labels}": missed,
        f"nodeops_consensus_signed_total{labels}": signed,
        f"nodeops_consensus_lost_rounds_total{labels}": lost,
    }


def followed(node: str, digest: str, network: str = "n") -> str:
    """Return the series of a node that follows a file."""
    return f'nodeops_document_info{{network="{network}",node="{node}",revision="1",digest="{digest}"}}'


def power(node: str, duty: str, power: int, catching_up: int = 0) -> dict[str, str]:
    """Return the series of a node that has so much power; its duty is what the monitor's targets say."""
    labels = f'{{network="n",node="{node}",duty="{duty}"}}'
    return {
        f"nodeops_consensus_voting_power{labels}": f"{power}x400",
        f"nodeops_ledger_catching_up{labels}": f"{catching_up}x400",
    }


def told(alert: str, node: str) -> str:
    """Return the series that Prometheus writes of an alert while it fires."""
    return f'ALERTS{{alertname="{alert}",alertstate="firing",network="n",node="{node}"}}'
