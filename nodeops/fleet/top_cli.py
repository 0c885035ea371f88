"""`nodeops fleet top`: height, votes, network and disk of every managed node and what fires, live."""

import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer

from nodeops.console import JsonFlag, finite
from nodeops.core.result import Result
from nodeops.document.inventory import chosen
from nodeops.document.resolve import host_ports
from nodeops.fleet.ask import AnswerOption, ConnectOption, Fleet, InventoryOption, NodeOption, fleet_of, on_host
from nodeops.fleet.crew import Crew
from nodeops.fleet.reply import Reply
from nodeops.fleet.ssh import Host, Limits, read_ssh_config
from nodeops.fleet.top import Alert, Counted, Metrics, alerts_of, counters_of, metrics_of, top_report
from nodeops.fleet.watch import watch

_ANSWER_SECONDS = 10.0
# As the monitoring role sets a monitor up: root asks with the certificate that Alertmanager knows (roles/monitoring/vars).
_CERTIFICATE = "/etc/prometheus/nodeops/client.yml"


def _ask_alerts() -> str:
    """Return the command that a monitor is asked what fires with."""
    port = host_ports("monitor")["alertmanager"]
    url = f"https://{port.bind}:{port.port}"
    amtool = ["amtool", "alert", "query", "--output=json", f"--http.config.file={_CERTIFICATE}", f"--alertmanager.url={url}"]
    return shlex.join(["sudo", "-n", *amtool])


class _Monitor(Host):
    """A monitor among the hosts that are asked: it has no nodeops of its own, so it hears a question of its own."""

    def run(self, command: str) -> Reply:  # noqa: ARG002 - that is what nodes are asked
        return super().run(_ask_alerts())


@dataclass
class _Screen:
    """What came so far, judged anew at each answer."""

    nodes: Sequence[str]
    monitors: Sequence[str]
    counted: Counted = field(default_factory=Counted)
    taken: dict[str, Reply] = field(default_factory=dict)

    def judged(self, known: Mapping[str, Reply]) -> Result:
        """Return the screen; a reply that was not seen yet counts as of now."""
        hosts: dict[str, Metrics | str] = {node: metrics_of(known[node]) for node in self.nodes if node in known}
        for node, said in hosts.items():
            if isinstance(said, Metrics) and self.taken.get(node) is not known[node]:
                self.counted.note(node, time.monotonic(), counters_of(said))
                self.taken[node] = known[node]
        alerts: dict[str, list[Alert] | str] = {name: alerts_of(known[name]) for name in self.monitors if name in known}
        return top_report(self.nodes, hosts, alerts, self.counted, datetime.now(UTC))


def top(
    inventory: InventoryOption = None,
    node: NodeOption = None,
    interval: Annotated[
        float, typer.Option("--interval", min=0.5, max=3600, callback=finite, help="Seconds between rounds.")
    ] = 5.0,
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, max=1_000_000, help="Leave after so many rounds.")] = None,
    connect_timeout: ConnectOption = None,
    timeout: AnswerOption = _ANSWER_SECONDS,
    as_json: JsonFlag = False,
) -> None:
    """Watch every node: height, lag, missed votes, slowest path, losses, disk, and the alerts that fire. Ctrl-C leaves.

    Nodes say what their exporters last saw, your monitors what fires. Missed and lost count the last two minutes of watching.
    """
    fleet = fleet_of(inventory, node or ())
    monitors = _monitors(fleet)
    with closing(_crew(fleet, monitors, Limits(timeout, connect_timeout))) as crew:
        screen = _Screen(fleet.nodes, monitors)
        watch(crew, on_host(["metrics", "show", "--json"]), screen.judged, interval, rounds, as_json)


def _monitors(fleet: Fleet) -> list[str]:
    manages = chosen(fleet.folder).manages
    return sorted(name for name, one in fleet.consortium.monitors.items() if one.organisation in manages)


def _crew(fleet: Fleet, monitors: Sequence[str], limits: Limits) -> Crew:
    addresses = {name: one.address for name, one in fleet.consortium.nodes.items()}
    addresses |= {name: one.address for name, one in fleet.consortium.monitors.items()}
    source = read_ssh_config(fleet.folder, addresses)
    return Crew([
        *(Host(name, source, limits) for name in fleet.nodes), *(_Monitor(name, source, limits) for name in monitors)
    ])  # fmt: skip
