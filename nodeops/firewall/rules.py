"""Which rules follow from the document of a host: who may reach what, and why. Pure.

Everything that no rule names is dropped. No rule counts or limits what a source asks: a source can be forged, and then a
stranger would use up what belongs to an operator or a member. What was answered is limited by who answers: sshd by
MaxStartups, the ledger by one connection an address. Sources and destinations are networks in canonical spelling, collapsed, of
either family; names are resolved by the caller (addresses.py), because resolving asks the network.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Literal

from nodeops.document.choices.hardening import LogHost
from nodeops.document.models import HostDocument, NodeDocument, Port

IpNetwork = IPv4Network | IPv6Network
Networks = tuple[IpNetwork, ...]
# Scopes whose own word would not say who is meant.
_WHO = {"organisation": "nodes of its organisation"}
_ANSWERS = "who begins later, and who asks whether a node may stop, has blocks proven (answers_members in the consortium file)"


@dataclass(frozen=True)
class Rule:
    """One permission. `port` None means every port; `networks` are sources, in the direction "out" destinations.

    `direction` is "in" for connections to the host, "published" for those to a container that publishes the port, "out"
    for those that the host or a container opens.
    """

    name: str
    direction: Literal["in", "published", "out"]
    protocol: Literal["tcp", "udp"]
    port: int | None
    who: str
    networks: Networks
    why: str


@dataclass(frozen=True)
class RuleSet:
    """All permissions of a host. `echo` are the networks that may ping it; `restricts_egress` False lets everything out."""

    rules: tuple[Rule, ...]
    echo: Networks
    restricts_egress: bool

    def towards(self, direction: str) -> Iterator[Rule]:
        """Yield the rules of one direction."""
        return (rule for rule in self.rules if rule.direction == direction)


def collapsed(networks: Iterable[str]) -> Networks:
    """Return networks sorted and merged, IPv4 first: nft refuses a set whose intervals overlap."""
    found = [ip_network(network) for network in networks]
    four = collapse_addresses(one for one in found if isinstance(one, IPv4Network))
    six = collapse_addresses(one for one in found if isinstance(one, IPv6Network))
    return (*four, *six)


def named_hosts(document: HostDocument) -> dict[str, str]:
    """Return the addresses and host names that must be known as networks before rules can be made, by who has them."""
    members = {member.name: member.address for member in document.members}
    monitors = {name: monitor.address for name, monitor in document.monitors.items()}
    kept = {name: document.repositories[name].address for name in _repositories_asked(document)}
    found = {name: address for name, address in {**members, **monitors, **kept}.items() if name != document.own.name}
    if log_host := _restricted_log_host(document):
        found["the log host"] = log_host.address
    return found


def _restricted_log_host(document: HostDocument) -> LogHost | None:
    """Return the log host where it is reached only if a rule lets it be."""
    sends = document.kind == "node" and document.limits.firewall.egress is not None
    return document.limits.hardening.log_host if sends else None


def _keeper(document: HostDocument) -> str | None:
    """Return the repository that this host brings backups to."""
    return document.repository if isinstance(document, NodeDocument) else None


def _repositories_asked(document: HostDocument) -> list[str]:
    """Return the repositories to which this host connects: with backups, or, from a monitor that is restricted, for metrics."""
    if document.kind == "monitor":
        return sorted(document.repositories) if document.limits.firewall.egress is not None else []
    keeper = _keeper(document)
    return [keeper] if keeper else []


def rules_for(document: HostDocument, addresses: Mapping[str, Sequence[str]]) -> RuleSet:
    """Return the rules of a host. `addresses` are those of every value of `named_hosts`, as text."""
    sources = _Sources(document, addresses)
    choices = document.limits.firewall
    rules = [_ssh(document), *_ports(document, sources), *_published(document)]
    if choices.egress is not None:
        rules += _egress(document, sources)
    echo = collapsed([*sources.of("members"), *sources.of("monitors"), *choices.operators])
    return RuleSet(tuple(rule for rule in rules if rule.networks), echo, choices.egress is not None)


class _Sources:
    """The networks behind each scope of a port."""

    def __init__(self, document: HostDocument, addresses: Mapping[str, Sequence[str]]) -> None:
        own = document.own
        members = [member for member in document.members if member.name != own.name]
        hosts = {
            "members": [member.address for member in members],
            "organisation": [member.address for member in members if member.organisation == own.organisation],
            "monitors": [monitor.address for name, monitor in document.monitors.items() if name != own.name],
            "repositories": [document.repositories[name].address for name in _repositories_asked(document)],
            "answering": [member.address for member in members if member.answers_members],
        }
        self._found = {scope: [ip for host in names for ip in addresses[host]] for scope, names in hosts.items()}
        log_host = _restricted_log_host(document)
        self._found["log host"] = list(addresses[log_host.address]) if log_host else []
        self._found["clients"] = list(document.limits.firewall.clients)

    def of(self, scope: str) -> list[str]:
        return self._found.get(scope, [])


def _ssh(document: HostDocument) -> Rule:
    choices = document.limits.firewall
    why = "operators and the controller log in; nobody else needs a shell"
    return Rule("ssh", "in", "tcp", choices.ssh_port, "operators", collapsed(choices.operators), why)


def _ports(document: HostDocument, sources: _Sources) -> Iterator[Rule]:
    for name, port in sorted(document.serves.items()):
        yield _port_rule(name, port, sources)
    if isinstance(document, NodeDocument) and document.node.answers_members:
        rpc = document.ledger.ports["rpc"].port
        yield Rule("rpc-members", "in", "tcp", rpc, "members", collapsed(sources.of("members")), _ANSWERS)


def _port_rule(name: str, port: Port, sources: _Sources) -> Rule:
    networks = collapsed(sources.of(port.scope))
    return Rule(name, "in", port.protocol, port.port, _WHO.get(port.scope, port.scope), networks, port.why)


def _published(document: HostDocument) -> Iterator[Rule]:
    for row in document.limits.firewall.published:
        name = f"published-{row.port}-{row.protocol}"
        # A port may be forwarded to its container by the kernel, or served by docker-proxy, which is a socket of the host.
        for direction in ("in", "published"):
            yield Rule(name, direction, row.protocol, row.port, "named networks", collapsed(row.sources), row.why)


def _egress(document: HostDocument, sources: _Sources) -> Iterator[Rule]:
    asked = [scope for scope in ("members", "monitors", "repositories") if scope == "members" or document.kind == "monitor"]
    networks, who = collapsed(network for scope in asked for network in sources.of(scope)), ", ".join(asked)
    for name, port in sorted(_asked(document).items()):
        yield Rule(f"{name}-out", "out", port.protocol, port.port, who, networks, port.why)
    if isinstance(document, NodeDocument):
        rpc, those = document.ledger.ports["rpc"].port, collapsed(sources.of("answering"))
        yield Rule("rpc-members-out", "out", "tcp", rpc, "members that answer", those, _ANSWERS)
    for name, port in document.repository_ports.items() if _keeper(document) else ():
        yield Rule(f"{name}-out", "out", "tcp", port.port, "the repository", collapsed(sources.of("repositories")), port.why)
    if log_host := _restricted_log_host(document):
        why = "what an intruder deletes here is elsewhere"
        yield Rule("log-host-out", "out", "tcp", log_host.port, "the log host", collapsed(sources.of("log host")), why)
    for number, row in enumerate(document.limits.firewall.egress or [], 1):
        yield Rule(f"egress-{number}", "out", row.protocol, row.port, "named networks", collapsed(row.to), row.why)


def _asked(document: HostDocument) -> dict[str, Port]:
    """Return the ports of other hosts to which this one connects. A repository is only ever asked."""
    ports, scope = (document.serves, "members") if document.kind == "node" else (document.ports, "monitors")
    return {} if document.kind == "repository" else {name: port for name, port in ports.items() if port.scope == scope}
