"""Do rules of others on this host refuse what ours let in? Asked of the kernel for each rule of ours."""

from collections.abc import Iterator

from nodeops.core.finding import Finding, Verdict
from nodeops.firewall.knock import knock, tables
from nodeops.firewall.rules import RuleSet
from nodeops.firewall.ruleset import FAMILY, TABLE


def judged_others(rules: RuleSet) -> Finding:
    """Return whether the first address of each rule gets past the tables of others, too. Raise HostError without root."""
    expected = "no table of others refuses what the node document lets in"
    others = [name for name, _, _ in tables() if name != f"table {FAMILY} {TABLE}"]
    if not others:
        return Finding("firewall.others", Verdict.PASS, expected, "there are no others")
    refused = list(_refused(rules))
    if not refused:
        return Finding("firewall.others", Verdict.PASS, expected, f"{', '.join(others)}: none does")
    hint = "change that table, or the program that writes it (ufw, firewalld, iptables): nodeops firewall explain ADDRESS PORT"
    return Finding("firewall.others", Verdict.FAIL, expected, "; ".join(refused), hint)


def _refused(rules: RuleSet) -> Iterator[str]:
    for rule in (*rules.towards("in"), *rules.towards("published")):
        network = rule.networks[0]
        address = str(network[1] if network.num_addresses > 1 else network[0])
        found = knock(address, rule.port or 0, rule.protocol).outcome
        if found.stopped_by_others:
            yield f"{rule.name} from {address}: {found.stopped_by}"
