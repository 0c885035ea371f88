"""Find the IP addresses behind the host names of a node document: rules hold addresses, so names are resolved at apply."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument
from nodeops.firewall.rules import RuleSet, named_hosts, rules_for


def current_rules(document: HostDocument) -> RuleSet:
    """Return the rules of a host with names resolved now. Raise HostError for a name that has no address."""
    return rules_for(document, {host: resolved(host, who) for who, host in named_hosts(document).items()})


def resolved(host: str, who: str) -> Sequence[str]:
    """Return the addresses of a host, IPv4 and IPv6, sorted; an address stands for itself."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        return _asked(host, who)


def _asked(host: str, who: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        hint = "mend the name service, or write an address into the consortium file; the loaded rules stay as they are"
        raise HostError(f"the name '{host}' of {who} has no address: {error}", where="firewall", hint=hint) from error
    return sorted({str(entry[4][0]).partition("%")[0] for entry in found})
