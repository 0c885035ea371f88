"""The rules as nft reads them: one table that is replaced in one transaction, so other tables are never touched. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from nodeops.firewall.rules import IpNetwork, Networks, Rule, RuleSet

FAMILY, TABLE = "inet", "nodeops"
# In one transaction: made if it is absent, so that deleting it never fails.
CLEAR = f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
# What Docker calls its bridges: the default one, and br- with the start of a network's id.
_BRIDGES = '{ "docker0", "br-*" }'
# RFC 4890 section 4.4: what a host must hear to find its neighbours and the size of packets that fit.
_NEIGHBOURS = (
    "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, "
    "mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report"
)
_ERRORS = "destination-unreachable, time-exceeded, parameter-problem"


def nft_text(rules: RuleSet) -> str:
    """Return the whole table as a script for `nft -f`. The same rules always give the same bytes."""
    # A chain stands before those that jump to it.
    chains = [*_output(rules), *_input(rules), *_forward(rules)]
    lines = [f"table {FAMILY} {TABLE} {{", *chains, "}"]
    return CLEAR + "\n".join(lines) + "\n"


def _chain(name: str, *lines: str) -> list[str]:
    return [f"\tchain {name} {{", *(f"\t\t{line}" for line in lines), "\t}"]


def _input(rules: RuleSet) -> list[str]:
    lines = [
        *_flows(),
        'iif "lo" accept comment "lo"',
        f"icmpv6 type {{ {_NEIGHBOURS}, packet-too-big, {_ERRORS} }} limit rate 500/second burst 500 packets accept",
        f"icmp type {{ {_ERRORS} }} limit rate 100/second burst 100 packets accept",
        *_echo(rules.echo),
        'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "dhcpv6"',
        *(line for rule in rules.towards("in") for line in _permission(rule)),
        'counter comment "refused"',
    ]
    return _chain("input", "type filter hook input priority filter; policy drop;", *lines)


def _flows() -> list[str]:
    return ["ct state established,related accept", "ct state invalid drop"]


def _echo(networks: Networks) -> Iterator[str]:
    for family, protocol in (("ip", "icmp"), ("ip6", "icmpv6")):
        if chosen := _members(networks, family):
            yield f'{family} saddr {chosen} {protocol} type echo-request limit rate 100/second accept comment "echo"'


def _forward(rules: RuleSet) -> list[str]:
    allowed = [line for rule in rules.towards("published") for line in _published(rule)]
    out = "jump egress" if rules.restricts_egress else "accept"
    lines = [
        *_flows(),
        *allowed,
        f'iifname {_BRIDGES} {out} comment "containers"',
        'counter comment "refused"',
    ]
    return _chain("forward", "type filter hook forward priority filter; policy drop;", *lines)


def _published(rule: Rule) -> Iterator[str]:
    # After Docker's translation only the connection's original direction knows which port was asked for.
    wanted = f"ct status dnat meta l4proto {rule.protocol} ct original proto-dst {rule.port}"
    for family in ("ip", "ip6"):
        if chosen := _members(rule.networks, family):
            yield f'{wanted} {family} saddr {chosen} accept comment "{rule.name}"'


def _output(rules: RuleSet) -> list[str]:
    if not rules.restricts_egress:
        return []
    allowed = [line for rule in rules.towards("out") for line in _destination(rule)]
    icmp = ["meta l4proto { icmp, ipv6-icmp } accept", 'ip6 daddr ff02::1:2 udp sport 546 udp dport 547 accept comment "dhcpv6"']
    lines = ["ct state established,related accept", 'oif "lo" accept comment "lo"', *icmp, "jump egress"]
    refused = 'counter reject with icmpx admin-prohibited comment "refused"'
    return [
        *_chain("egress", *allowed, refused),
        *_chain("output", "type filter hook output priority filter; policy drop;", *lines),
    ]


def _destination(rule: Rule) -> Iterator[str]:
    port = f"{rule.protocol} dport {rule.port}" if rule.port else f"meta l4proto {rule.protocol}"
    for family in ("ip", "ip6"):
        if chosen := _members(rule.networks, family):
            yield f'{family} daddr {chosen} {port} accept comment "{rule.name}"'


def _permission(rule: Rule) -> Iterator[str]:
    for family in ("ip", "ip6"):
        if chosen := _members(rule.networks, family):
            yield f'{family} saddr {chosen} {rule.protocol} dport {rule.port} accept comment "{rule.name}"'


def _members(networks: Networks, family: str) -> str:
    """Return the networks of one family as a set that nft reads; empty when there are none."""
    kind: type[IpNetwork] = IPv4Network if family == "ip" else IPv6Network
    chosen = [_spelled(network) for network in networks if isinstance(network, kind)]
    return f"{{ {', '.join(chosen)} }}" if chosen else ""


def _spelled(network: IpNetwork) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
