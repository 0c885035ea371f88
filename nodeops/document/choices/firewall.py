"""What an organisation chooses about who may reach its hosts: `firewall` in nodeops_choices. Pure."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from nodeops.document.fields import Network, PeopleNetwork, PortNumber, Why


class Published(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """A port that a container on the host publishes: who may reach it. Others may not, whatever Docker says."""

    port: PortNumber
    protocol: Literal["tcp", "udp"] = "tcp"
    sources: Annotated[list[Network], Field(min_length=1)]
    why: Why


class EgressRule(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """Connections that a host may open, besides those to the other members. No port: every port."""

    to: Annotated[list[Network], Field(min_length=1)]
    protocol: Literal["tcp", "udp"] = "tcp"
    port: PortNumber | None = None
    why: Why


class FirewallChoices(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """Who may reach the hosts of one organisation, besides members and monitors.

    `operators` are the networks of people and controllers that log in over SSH, `clients` those of business applications
    that may use the ledger's RPC. `egress` None lets hosts open any connection. A new rule set must be confirmed over a
    new SSH connection within `confirm_seconds`, or the old one comes back.
    """

    operators: list[PeopleNetwork] = []
    clients: list[Network] = []
    ssh_port: PortNumber = 22
    published: list[Published] = []
    egress: list[EgressRule] | None = None
    confirm_seconds: Annotated[int, Field(ge=10, le=600)] = 60
