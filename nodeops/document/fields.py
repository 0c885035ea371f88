"""The words that shapes of documents are made of: names, addresses, keys, ports, each checked, each in one spelling. Pure."""

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

NAME_RULE = "lower-case letters, digits and dashes, starting with a letter, at most 31 characters"
_HOSTNAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SSH_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]{40,}={0,3}( \S.*)?")
# CometBFT: types/validator_set.go, MaxTotalVotingPower = MaxInt64/8; far below it one node's share stays readable.
MAX_POWER = 1_000_000
# One each second for half a century; and every reader of JSON holds it.
MAX_REVISION = 2**31 - 1
# CometBFT v0.38 is of this year: no chain of it is older.
OLDEST_YEAR = 2023

# RFC 1122, 1112: "this network", never a destination; reserved, with the broadcast address as its last.
_NO_HOST = (ipaddress.IPv4Network("0.0.0.0/8"), ipaddress.IPv4Network("240.0.0.0/4"))
# The widest networks that one organisation has: 10.0.0.0/8 (RFC 1918); a registry gives no member of it more IPv6 than this.
_WIDEST_IPV4, _WIDEST_IPV6 = 8, 16
_OWN_NAMES = ("localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters")


def said(least: int) -> AfterValidator:
    """Return a check that text for people has letters or digits, not blanks and dots only."""

    def check(value: str) -> str:
        if sum(letter.isalnum() for letter in value) < least:
            raise ValueError(f"says nothing: at least {least} letters or digits")
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    """Return an IPv4, IPv6 or host name in its one canonical spelling. Raise ValueError for anything else."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return _host_name(value.lower())
    found = getattr(found, "ipv4_mapped", None) or found
    nowhere = found.is_unspecified or found.is_multicast or found.is_loopback or found.is_link_local
    if nowhere or any(found in network for network in _NO_HOST) or getattr(found, "scope_id", None):
        raise ValueError("is an address that other hosts cannot connect to")
    return str(found)


def _host_name(name: str) -> str:
    # With a number as its last label it would be read as an IPv4 address in another notation.
    if not _HOSTNAME.fullmatch(name) or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        raise ValueError("is not an IPv4 address, an IPv6 address or a host name")
    # RFC 6761: whoever looks the name up gets itself; and so it is with what hosts have in /etc/hosts.
    if name.rpartition(".")[2] == "localhost" or name in _OWN_NAMES:
        raise ValueError("is a name that every host has for itself")
    return name


def _network(value: str) -> str:
    """Return an IPv4 or IPv6 network in its canonical spelling; an address is a network of one. Raise ValueError for others."""
    try:
        found = ipaddress.ip_network(value, strict=True)
    except ValueError as error:
        raise ValueError(f"is not a network such as 192.0.2.0/24 or 2001:db8::/32 ({error})") from error
    if found.is_multicast or (found.is_unspecified and found.prefixlen == found.max_prefixlen):
        raise ValueError("is a network that nobody connects from")
    return str(found)


def _people(value: str) -> str:
    """Return a network that people of one organisation may log in from. Raise ValueError for one that is nearly everybody."""
    found = ipaddress.ip_network(_network(value))
    if found.prefixlen < (_WIDEST_IPV4 if found.version == 4 else _WIDEST_IPV6):
        raise ValueError(f"is nearly everybody: networks of operators are /{_WIDEST_IPV4} or smaller (IPv6 /{_WIDEST_IPV6})")
    return str(found)


def _ssh_key(value: str) -> str:
    if not _SSH_KEY.fullmatch(value):
        raise ValueError("is not an OpenSSH public key line such as 'ssh-ed25519 AAAA... name'")
    return value


def _genesis_time(value: str) -> str:
    try:
        year = datetime.fromisoformat(value).year
    except ValueError as error:
        raise ValueError("is no moment of any calendar") from error
    if year < OLDEST_YEAR:
        raise ValueError(f"is before {OLDEST_YEAR}: no chain of these ledgers is older")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Address = Annotated[str, AfterValidator(_address)]
SshKey = Annotated[str, AfterValidator(_ssh_key)]
Network = Annotated[str, AfterValidator(_network)]
PeopleNetwork = Annotated[str, AfterValidator(_people)]
Why = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,300}$"), said(1)]
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$"), said(1)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
ChainId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,48}$")]
Version = Annotated[str, StringConstraints(pattern=r"^v?[0-9][0-9A-Za-z.+-]{0,40}$")]
# Printable ASCII without blanks, quotes and backslashes: it stands in quotes in the ledger's own configuration.
Socket = Annotated[str, StringConstraints(pattern=r"^(tcp|unix)://[!#-&(-\[\]-~]{1,200}$")]
# RFC 3339 in UTC, as Go's time.Time reads it from JSON.
Instant = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,9})?Z$")
]
GenesisTime = Annotated[Instant, AfterValidator(_genesis_time)]
NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Duty = Literal["validator", "witness"]


# Left out of what is written where nothing was said, so that a consortium file without it keeps its digest.
UNSAID = Field(exclude_if=lambda value: not value)
