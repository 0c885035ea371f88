"""Verbs of nodeops on managed nodes, one at a time, over connections that are kept: for rooms that ask a ledger from here."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodeops.consortium.kept import left
from nodeops.core.errors import HostError, InputError, NodeopsError, Refused, Timeout
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import chosen, managed_nodes
from nodeops.fleet.ask import Fleet, fleet_of, on_host, with_progress
from nodeops.fleet.crew import Crew
from nodeops.fleet.reply import Reply, State, json_text, one_line, parsed
from nodeops.fleet.ssh import Host, Limits, read_ssh_config

# A question to a ledger on loopback, and the start of nodeops on a small host that is busy.
_SECONDS = 60.0
_KINDS: dict[str, type[NodeopsError]] = {kind.kind: kind for kind in (HostError, InputError, Refused, Timeout)}


class Reach:
    """The managed nodes of an inventory. `nodes` are their names, `monitors` those of the monitors of their organisations."""

    def __init__(self, fleet: Fleet) -> None:
        known, managed = fleet.consortium, {fleet.consortium.nodes[name].organisation for name in fleet.nodes}
        self.nodes = tuple(fleet.nodes)
        self.monitors = tuple(sorted(name for name, one in known.monitors.items() if one.organisation in managed))
        self._source = read_ssh_config(fleet.folder, {name: one.address for name, one in (known.nodes | known.monitors).items()})
        self._hosts: dict[str, Host] = {}

    def talk(self, node: str, verb: Sequence[str], line: str) -> dict[str, Any]:
        """Return the JSON that a verb on a node answers to a line, as root; it goes on and serves the next one.

        Raise what the verb raised there, HostError for a dead host.
        """
        return answer_of(self._host(node).talk(on_host([*verb, "--json"]), line))

    def ask_all(self, verb: Sequence[str]) -> dict[str, dict[str, Any] | NodeopsError]:
        """Return what a verb answers on each node, or why nothing, all at once, while stderr says for whom we still wait."""
        crew = Crew([self._host(name) for name in self.nodes])
        return {reply.node: _answer_or_error(reply) for reply in with_progress(crew, on_host([*verb, "--json"]))}

    def file(self, monitor: str, path: str) -> str:
        """Return the text of a file on a monitor, read as root. Raise HostError when it cannot be read."""
        reply = self._host(monitor).run(shlex.join(["sudo", "-n", "cat", "--", path]))
        if reply.state is not State.ANSWERED or reply.exit_code:
            raise HostError(one_line(reply.error or reply.stderr, 200), where=f"{monitor}: {path}", hint=reply.hint)
        return reply.stdout

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(name, self._source, Limits(_SECONDS))
        return self._hosts[name]

    def close(self) -> None:
        """Hang up."""
        for host in self._hosts.values():
            host.close()


def reach(folder: Path) -> Reach:
    """Return how the managed nodes of an inventory are reached; where an organisation left with all nodes, how their hosts are.

    What those tell of the chain is proven as that of others. Raise InputError when there are none of either.
    """
    consortium, _ = checked_consortium(folder)
    gone = {name: node for name, (node, _) in left(folder, consortium).items() if node.organisation in chosen(folder).manages}
    if managed_nodes(consortium, folder) or not gone:
        return Reach(fleet_of(folder, ()))
    return Reach(Fleet(consortium.model_copy(update={"nodes": gone, "monitors": {}}), folder, sorted(gone)))


def _answer_or_error(reply: Reply) -> dict[str, Any] | NodeopsError:
    try:
        return answer_of(reply)
    except NodeopsError as error:
        return error


def answer_of(reply: Reply) -> dict[str, Any]:
    """Return the JSON object of a reply. Raise the error that it holds, or HostError."""
    if reply.state is not State.ANSWERED:
        raise HostError(f"{reply.state}: {reply.error}", where=reply.node, hint=reply.hint)
    said = parsed(json_text(reply.stdout) or "")
    if not isinstance(said, dict):
        text = one_line(reply.stderr or reply.stdout, 200)
        raise HostError(f"exit code {reply.exit_code}: {text or 'no answer'}", where=reply.node)
    error = said.get("error")
    if isinstance(error, dict):
        kind = _KINDS.get(str(error.get("kind")), HostError)
        parts = [one_line(str(error.get(key) or ""), 500) for key in ("what", "where", "allowed", "hint")]
        raise kind(parts[0], f"{reply.node}: {parts[1]}", *parts[2:])
    return dict(json.loads(json.dumps(said)))
