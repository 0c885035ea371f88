"""Shapes of consortium.yml and of the node document. Unknown keys are refused everywhere."""

from abc import ABC, abstractmethod
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from nodeops.document.choices.choices import Choices
from nodeops.document.fields import (
    MAX_POWER,
    MAX_REVISION,
    UNSAID,
    Address,
    ChainId,
    Duty,
    GenesisTime,
    Name,
    NodeId,
    PortNumber,
    Socket,
    SshKey,
    Version,
    Words,
    said,
)
from nodeops.document.keys import PublicKey
from nodeops.document.log_format import LogFormat
from nodeops.document.patch_windows import Patching


class Model(BaseModel):
    """Strict, immutable, and closed to unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Ledger(Model):
    """Which ledger all members run. `block_seconds` is the pause after a commit; `application` an ABCI socket. With
    `genesis_time` (UTC, in quotes: "2026-01-31T08:00:00Z") each organisation makes the same genesis; without it one does for all.
    At each so many heights (`state_blocks`; without it the platform's own) nodes keep a state for those that begin later."""

    platform: Name
    version: Version
    chain: ChainId
    # Slower, and a healthy node is not back within the time that a restart has, nor its turn within the gate's patience.
    block_seconds: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    application: Socket | None = None
    genesis_time: Annotated[GenesisTime | None, UNSAID] = None
    state_blocks: Annotated[int | None, Field(ge=10, le=1_000_000), UNSAID] = None


class Organisation(Model):
    """A member of the consortium: its admin public keys, how to reach a person, the public key that votes for it, the public keys
    with which its applications sign records, by their names, and when its hosts may be patched.
    """

    admins: list[SshKey] = []
    contact: Words | None = None
    account: Annotated[PublicKey | None, UNSAID] = None
    record_keys: Annotated[dict[Name, PublicKey], UNSAID] = {}
    patching: Annotated[Patching, UNSAID] = Patching()


class Node(Model):
    """One ledger process on one host. Validators have power >= 1, witnesses have none. `former_node_id` (in quotes): peers knew
    it by this id once, and its host makes another key. `answers_members`: its RPC also answers the hosts of all nodes,
    which have it prove blocks to them.
    """

    organisation: Name
    duty: Duty
    address: Address
    power: Annotated[int, Field(ge=0, le=MAX_POWER)] | None = None
    site: Words | None = None
    former_node_id: Annotated[NodeId | None, UNSAID] = None
    answers_members: Annotated[bool, UNSAID] = False

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


class Former(Model):
    """A key that signed records once, of a node or an application that left: records up to the height `until` stay proven."""

    organisation: Name
    name: Name
    record_key: PublicKey
    until: Annotated[int, Field(ge=1)]


class Consortium(Model):
    """The whole of consortium.yml. `threshold` organisations must agree, by votes or signatures; `former`: keys of who left."""

    consortium: Name
    revision: Annotated[int, Field(ge=1, le=MAX_REVISION)]
    ledger: Ledger
    organisations: Annotated[dict[Name, Organisation], Field(min_length=1)]
    nodes: Annotated[dict[Name, Node], Field(min_length=1)]
    monitors: dict[Name, Monitor] = {}
    repositories: Annotated[dict[Name, Repository], UNSAID] = {}
    threshold: Annotated[int | None, Field(ge=1), UNSAID] = None
    former: Annotated[list[Former], UNSAID] = []


class Waiver(Model):
    """One control that is not applied, and why: who answers for it and until when (the last day it holds, UTC).

    `scope` is "all", the name of an organisation, or the name of a host.
    """

    control: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$", max_length=80)]
    scope: Name
    owner: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{3,100}$"), said(2)]
    reason: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{10,500}$"), said(5)]
    expires: date


class Port(Model):
    """One listening port of the ledger or of nodeops: who may reach it, on which address it listens, and why.

    `scope` "members" are all other nodes, "organisation" those of the host's own organisation alone.
    """

    port: PortNumber
    bind: str
    scope: Literal["members", "organisation", "monitors", "clients", "local"]
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
    answers_members: Annotated[bool, UNSAID] = False


class LedgerPlan(Model):
    """The ledger process of one host: all ports, absolute paths and names that roles and agent need.

    `log_levels`: all it knows, the most talkative first. `state_blocks` None: it hands out no states.
    """

    platform: Name
    version: Version
    chain: ChainId
    application: str
    block_seconds: float
    state_blocks: Annotated[int | None, UNSAID] = None
    log_level: str
    log_levels: list[str]
    log: LogFormat
    user: str
    unit: str
    ports: dict[str, Port]
    paths: dict[str, str]


class PlainHost(Model):
    """A host of the consortium that runs no ledger, as its own document names it."""

    kind: Literal["monitor", "repository"]
    name: Name
    organisation: Name
    address: Address
    site: Words | None = None


class HostDocument(Model, ABC):
    """What every host is told, whether it runs a ledger or not; what guards a host asks for nothing else.

    `consortium_digest` is the SHA-256 of the consortium file's content in canonical form: it is equal on every host
    that was made by the same revision, whoever manages it. `ports` are those of nodeops on a node. Nothing in here is secret.
    """

    schema_version: Literal[1] = 1
    consortium: Name
    revision: int
    consortium_digest: str
    organisations: dict[Name, Organisation]
    members: list[Member]
    monitors: dict[Name, Monitor]
    repositories: dict[Name, Repository]
    ports: dict[str, Port]
    monitor_ports: dict[str, Port]
    repository_ports: dict[str, Port]
    log_host_ports: dict[str, Port]
    paths: dict[str, str]
    limits: Choices
    waivers: list[Waiver] = []

    @property
    @abstractmethod
    def own(self) -> Member | PlainHost:
        """Return this host as its document names it."""

    @property
    @abstractmethod
    def kind(self) -> Literal["node", "monitor", "repository"]:
        """Return what this host is for."""

    @property
    @abstractmethod
    def serves(self) -> dict[str, Port]:
        """Return all ports on which this host itself listens, by their names."""

    @property
    def title(self) -> str:
        """Return this host in words: what it is for, its name, whose it is."""
        return f"{self.kind} {self.own.name} of {self.own.organisation}"


class PlainDocument(HostDocument):
    """The document of a host that runs no ledger, at the same place as a node's."""

    host: PlainHost

    @property
    def own(self) -> PlainHost:
        """Return this host."""
        return self.host

    @property
    def kind(self) -> Literal["monitor", "repository"]:
        """Return what this host is for."""
        return self.host.kind

    @property
    def serves(self) -> dict[str, Port]:
        """Return the ports of a monitor, or of a repository, those of a log host where it is one, and that of its exporter."""
        own = self.monitor_ports if self.kind == "monitor" else self.repository_ports
        return {**own, **(self.log_host_ports if self.takes_logs else {}), "exporter": self.ports["exporter"]}

    @property
    def takes_logs(self) -> bool:
        """Tell whether it is the log host of its organisation's nodes."""
        return self.host.name in self.limits.hardening.log_hosts


class NodeDocument(HostDocument):
    """Everything that the host of a node needs to know, as written to /etc/nodeops/node.json."""

    node: Member
    ledger: LedgerPlan

    @property
    def own(self) -> Member:
        """Return this node."""
        return self.node

    @property
    def kind(self) -> Literal["node"]:
        """Return what this host is for."""
        return "node"

    @property
    def serves(self) -> dict[str, Port]:
        """Return the ports of the ledger and of nodeops."""
        return {**self.ledger.ports, **self.ports}

    @property
    def repository(self) -> str | None:
        """Return the name of the host that keeps this node's backups, None where its organisation has none."""
        own = self.node.organisation
        return next((name for name, host in self.repositories.items() if host.organisation == own), None)
