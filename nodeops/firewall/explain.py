"""Say whether a new connection reaches a port of this host, which rule decides it and why: what is loaded counts. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from nodeops.document.models import HostDocument, NodeDocument
from nodeops.firewall.guard_rules import contains
from nodeops.firewall.rules import Rule, RuleSet
from nodeops.firewall.trace_rules import Outcome

_AGREE = "nodeops firewall check shows what differs, nodeops firewall apply makes them the same"


@dataclass(frozen=True)
class Explanation:
    """Whether a new connection is let in, by which rule, why; and what the address and the port are, as far as known.

    `allowed` is None when the rules that are loaded could not be judged. `asked` is what the node document asks for, None
    when its names have no address now; `but` says what else must be known, a sentence each.
    """

    allowed: bool | None
    rule: str
    why: str
    address_is: str
    port_is: str
    asked: bool | None = None
    but: tuple[str, ...] = ()


def explain(
    document: HostDocument, rules: RuleSet | None, outcome: Outcome, address: str, port: int, protocol: str
) -> Explanation:
    """Return what happens to a new connection. `rules` are those of the document, None when its names cannot be resolved."""
    who = _who(rules, address) if rules else "not known: a name of the node document has no address now"
    concerned = [rule for rule in (rules.rules if rules else ()) if _concerns(rule, port, protocol)]
    inside = outcome.ours == "lo" or ip_address(address).is_loopback
    asked = None if rules is None else inside or any(contains(rule.networks, address) for rule in concerned)
    rule, why = _decided(outcome, concerned)
    return Explanation(outcome.allowed, rule, why, who, _what(document, port, protocol), asked, tuple(_but(outcome, asked)))


def _concerns(rule: Rule, port: int, protocol: str) -> bool:
    return rule.direction != "out" and (rule.port, rule.protocol) == (port, protocol)


def _decided(outcome: Outcome, asked: list[Rule]) -> tuple[str, str]:
    """Return the name of the rule that decides, and why it does."""
    if outcome.ours == "lo" and outcome.allowed:
        return "lo", "processes of this host reach each other over loopback"
    if outcome.allowed is None:
        return "unknown", "the packet was neither let in nor refused by a rule that nft knows: look at routes and rp_filter"
    if outcome.allowed:
        return (outcome.ours, _allowed(outcome.ours, asked)) if outcome.ours else ("no rule", "no rule of this host stops it")
    if outcome.stopped_by_others:
        return outcome.stopped_by, "rules of others on this host refuse it" + (
            ", although ours let it in" if outcome.ours else ""
        )
    return "policy drop", _refused(asked)


def _but(outcome: Outcome, expected: bool | None) -> list[str]:
    if expected is None or outcome.allowed is None or expected == outcome.allowed:
        return []
    if outcome.stopped_by_others:
        return [f"the node document lets it in, and {outcome.stopped_by} does not: change the rules of that table"]
    said = "lets it in" if expected else "does not let it in"
    return [f"the node document {said}, and the rules that are loaded say otherwise: {_AGREE}"]


def _allowed(name: str, asked: list[Rule]) -> str:
    rule = next((rule for rule in asked if rule.name == name), None)
    if rule is None:
        return "a rule that is loaded, and that the node document does not have"
    return f"{rule.who}: {rule.why}"


def _refused(asked: list[Rule]) -> str:
    if not asked:
        return "no rule opens this port to anybody"
    admitted = "; ".join(f"{rule.who} ({', '.join(map(str, rule.networks))})" for rule in asked[:1])
    return f"the port is open to {admitted}, and this address is none of them"


def _who(rules: RuleSet, address: str) -> str:
    found = {rule.who for rule in rules.rules if rule.direction == "in" and contains(rule.networks, address)}
    return ", ".join(sorted(found)) or "a stranger"


def _what(document: HostDocument, port: int, protocol: str) -> str:
    if protocol == "tcp" and port == document.limits.firewall.ssh_port:
        return "ssh"
    ledger = document.ledger.ports if isinstance(document, NodeDocument) else {}
    found = ((name, "the ledger" if name in ledger else "nodeops", one) for name, one in document.serves.items())
    asked = (port, protocol)
    ours = [f"{name} of {whose} ({one.scope})" for name, whose, one in found if (one.port, one.protocol) == asked]
    return ours[0] if ours else "not a port of the node document"
