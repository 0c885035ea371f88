"""What is never loaded: rules that let no operator in, or not the one who is loading them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from nodeops.core.errors import Refused
from nodeops.firewall.rules import IpNetwork, RuleSet


@dataclass(frozen=True)
class Login:
    """The SSH connection that the verb was called over: where it came from, and the port it came to."""

    address: str
    port: int


def require_a_way_in(rules: RuleSet, login: Login | None) -> None:
    """Raise Refused for rules without operators, and for rules that would not let this login in again."""
    ways = [rule for rule in rules.towards("in") if rule.name == "ssh"]
    hint = "add the network to nodeops_choices.firewall.operators in the inventory"
    if not ways:
        raise Refused("no operators are named, so nobody could log in any more", where="firewall", hint=hint)
    if login is None:
        return
    if login.port != ways[0].port:
        text = f"you are logged in on port {login.port}, and the rules open port {ways[0].port}"
        raise Refused(text, where="firewall", hint="write it into nodeops_choices.firewall.ssh_port")
    if not contains(ways[0].networks, login.address):
        allowed = ", ".join(map(str, ways[0].networks))
        raise Refused(f"you are logged in from {login.address}, which could not log in again", "firewall", allowed, hint)


def contains(networks: Sequence[IpNetwork], address: str) -> bool:
    """Tell whether an address is in one of the networks; an IPv4 address written as an IPv6 one is the same address."""
    found = ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)
