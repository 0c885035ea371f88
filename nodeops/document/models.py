"""Shapes of consortium.yml and of the node document. Unknown keys are refused everywhere."""

import ipaddress
import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from nodeops.document.disk_choices import MOST_BYTES, DiskChoices
from nodeops.document.hardening_choices import HardeningChoices
from nodeops.document.log_format import LogFormat
from nodeops.document.patch_windows import Patching

NAME_RULE = "lower-case letters, digits and dashes, starting with a letter, at most 31 characters"
_HOSTNAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SSH_KEY = re.compile(r"(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]{40,}={0,3}( \S.*)?")
# CometBFT: types/validator_set.go, MaxTotalVotingPower = MaxInt64/8; far below it one node's share stays readable.
MAX_POWER = 1_000_000


# RFC 1122, 1112: "this network", never a destination; reserved, with the broadcast address as its last.
_NO_HOST = (ipaddress.IPv4Network("0.0.0.0/8"), ipaddress.IPv4Network("240.0.0.0/4"))


def _said(least: int) -> AfterValidator:
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
    # RFC 6761: whoever looks the name up gets itself.
    if name.rpartition(".")[2] == "localhost":
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


def _ssh_key(value: str) -> str:
    if not _SSH_KEY.fullmatch(value):
        raise ValueError("is not an OpenSSH public key line such as 'ssh-ed25519 AAAA... name'")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Address = Annotated[str, AfterValidator(_address)]
SshKey = Annotated[str, AfterValidator(_ssh_key)]
Network = Annotated[str, AfterValidator(_network)]
Why = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,300}$"), _said(1)]
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$"), _said(1)]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
ChainId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,48}$")]
Version = Annotated[str, StringConstraints(pattern=r"^v?[0-9][0-9A-Za-z.+-]{0,40}$")]
Socket = Annotated[str, StringConstraints(pattern=r"^(tcp|unix)://\S{1,200}$")]
Duty = Literal["validator", "witness"]


class Model(BaseModel):
    """Strict, immutable, and closed to unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Ledger(Model):
    """Which ledger all members run. `block_seconds` is the pause after a commit; `application` an ABCI socket."""

    platform: Name
    version: Version
    chain: ChainId
    block_seconds: Annotated[float, Field(ge=0.1, le=600)] = 1.0
    application: Socket | None = None


class Organisation(Model):
    """A member of the consortium: its admin public keys, how to reach a person, when its hosts may be patched."""

    admins: list[SshKey] = []
    contact: Words | None = None
    patching: Patching = Patching()


class Node(Model):
    """One ledger process on one host. Validators have power >= 1, witnesses have none."""

    organisation: Name
    duty: Duty
    address: Address
    power: Annotated[int, Field(ge=0, le=MAX_POWER)] | None = None
    site: Words | None = None

    @model_validator(mode="before")
    @classmethod
    def _power_fits_duty(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("power"), int):
            if data.get("duty") == "validator" and data["power"] < 1:
                raise ValueError("power: a validator needs a power of 1 or more")
            if data.get("duty") == "witness":
                raise ValueError("power: a witness does not vote, leave power out")
        return data

    @property
    def voting_power(self) -> int:
        """Return the voting power: what the file says, 1 for a validator without a figure, 0 for a witness."""
        return 0 if self.duty == "witness" else (self.power or 1)


class Monitor(Model):
    """A host that scrapes, stores and alerts."""

    organisation: Name
    address: Address
    site: Words | None = None


class Repository(Model):
    """A host that keeps the backups of its organisation's nodes; one for each organisation at most."""

    organisation: Name
    address: Address
    site: Words | None = None


class Consortium(Model):
    """The whole of consortium.yml."""

    consortium: Name
    revision: Annotated[int, Field(ge=1)]
    ledger: Ledger
    organisations: Annotated[dict[Name, Organisation], Field(min_length=1)]
    nodes: Annotated[dict[Name, Node], Field(min_length=1)]
    monitors: dict[Name, Monitor] = {}
    repositories: dict[Name, Repository] = {}


class Published(Model):
    """A port that a container on the host publishes: who may reach it. Others may not, whatever Docker says."""

    port: PortNumber
    protocol: Literal["tcp", "udp"] = "tcp"
    sources: Annotated[list[Network], Field(min_length=1)]
    why: Why


class EgressRule(Model):
    """Connections that a host may open, besides those to the other members. No port: every port."""

    to: Annotated[list[Network], Field(min_length=1)]
    protocol: Literal["tcp", "udp"] = "tcp"
    port: PortNumber | None = None
    why: Why


class FirewallChoices(Model):
    """Who may reach the hosts of one organisation, besides members and monitors.

    `operators` are the networks of people and controllers that log in over SSH, `clients` those of business applications
    that may use the ledger's RPC. `egress` None lets hosts open any connection. A new rule set must be confirmed over a
    new SSH connection within `confirm_seconds`, or the old one comes back.
    """

    operators: list[Network] = []
    clients: list[Network] = []
    ssh_port: PortNumber = 22
    published: list[Published] = []
    egress: list[EgressRule] | None = None
    confirm_seconds: Annotated[int, Field(ge=10, le=600)] = 60


class Waiver(Model):
    """One control that is not applied, and why: who answers for it and until when (the last day it holds, UTC).

    `scope` is "all", the name of an organisation, or the name of a node.
    """

    control: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$", max_length=80)]
    scope: Name
    owner: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{3,100}$"), _said(2)]
    reason: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{10,500}$"), _said(5)]
    expires: date


class Choices(Model):
    """What one organisation chooses for its own nodes (`nodeops_choices` in group_vars). Sizes in bytes."""

    log_level: Literal["debug", "info", "error"] = "info"
    min_free_bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)] = 1 << 30
    max_clock_skew_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    firewall: FirewallChoices = FirewallChoices()
    hardening: HardeningChoices = HardeningChoices()
    disk: DiskChoices = DiskChoices()


class Port(Model):
    """One listening port of the ledger or of nodeops: who may reach it, on which address it listens, and why."""

    port: PortNumber
    bind: str
    scope: Literal["members", "monitors", "clients", "local"]
    protocol: Literal["tcp", "udp"] = "tcp"
    why: str


class Member(Model):
    """A node as every other node sees it."""

    name: Name
    organisation: Name
    duty: Duty
    power: int
    address: Address
    site: Words | None = None


class LedgerPlan(Model):
    """The ledger process of one host: all ports, absolute paths and names that roles and agent need.

    `log_levels` are all levels it knows, the most talkative first.
    """

    platform: Name
    version: Version
    chain: ChainId
    application: str
    block_seconds: float
    log_level: str
    log_levels: list[str]
    log: LogFormat
    user: str
    unit: str
    ports: dict[str, Port]
    paths: dict[str, str]


class NodeDocument(Model):
    """Everything one host needs to know, as written to /etc/nodeops/node.json.

    `consortium_digest` is the SHA-256 of the consortium file's content in canonical form: it is equal on every node
    that runs the same revision, whoever manages it. Nothing in here is secret.
    """

    schema_version: Literal[1] = 1
    consortium: Name
    revision: int
    consortium_digest: str
    node: Member
    organisations: dict[Name, Organisation]
    members: list[Member]
    monitors: dict[Name, Monitor]
    repositories: dict[Name, Repository]
    ledger: LedgerPlan
    ports: dict[str, Port]
    monitor_ports: dict[str, Port]
    repository_ports: dict[str, Port]
    paths: dict[str, str]
    limits: Choices
    waivers: list[Waiver] = []

    @property
    def repository(self) -> str | None:
        """Return the name of the host that keeps this node's backups, None where its organisation has none."""
        own = self.node.organisation
        return next((name for name, host in self.repositories.items() if host.organisation == own), None)
