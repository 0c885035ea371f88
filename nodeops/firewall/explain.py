"""Say which rule lets an address reach a port of this host, or that none does, and why. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from nodeops.document.models import NodeDocument
from nodeops.firewall.guard_rules import contains
from nodeops.firewall.rules import Rule, RuleSet


@dataclass(frozen=True)
class Explanation:
    """Whether a new connection is let in, by which rule, why; and what the address and the port are, as far as known."""

    allowed: bool
    rule: str
    why: str
    address_is: str
    port_is: str


def explain(document: NodeDocument, rules: RuleSet, address: str, port: int, protocol: str) -> Explanation:
    """Return what happens to a new connection. An address that is not one raises ValueError."""
    who, what = _who(rules, address), _what(document, port, protocol)
    if ip_address(address).is_loopback:
        return Explanation(True, "lo", "processes of this host reach each other over loopback", who, what)
    asked = [rule for rule in rules.rules if rule.direction != "out" and (rule.port, rule.protocol) == (port, protocol)]
    for rule in asked:
        if contains(rule.networks, address):
            return Explanation(True, rule.name, _allowed(rule), who, what)
    return Explanation(False, "policy drop", _refused(asked), who, what)


def _allowed(rule: Rule) -> str:
    if rule.limit is None:
        return f"{rule.who}: {rule.why}"
    limit = rule.limit
    most = f"at most {limit.new_per_minute} new connections a minute after {limit.burst} at once, {limit.at_once} open"
    return f"{rule.who}: {rule.why} ({most})"


def _refused(asked: list[Rule]) -> str:
    if not asked:
        return "no rule opens this port to anybody"
    admitted = "; ".join(f"{rule.who} ({', '.join(map(str, rule.networks))})" for rule in asked[:1])
    return f"the port is open to {admitted}, and this address is none of them"


def _who(rules: RuleSet, address: str) -> str:
    found = {rule.who for rule in rules.rules if rule.direction == "in" and contains(rule.networks, address)}
    return ", ".join(sorted(found)) or "a stranger"


def _what(document: NodeDocument, port: int, protocol: str) -> str:
    if protocol == "tcp" and port == document.limits.firewall.ssh_port:
        return "ssh"
    both = (("the ledger", document.ledger.ports), ("nodeops", document.ports))
    ours = [f"{name} of {whose} ({one.scope})" for whose, ports in both for name, one in ports.items() if one.port == port]
    return ours[0] if ours and protocol == "tcp" else "not a port of the node document"
