"""What an organisation chooses about hardening: `hardening` in nodeops_choices. Pure."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from nodeops.document.fields import Address, Name, PortNumber

_PEM = re.compile(r"(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----\n*)+")


def _certificates(value: str) -> str:
    if not _PEM.fullmatch(value):
        raise ValueError("is not a certificate in PEM: the lines from BEGIN CERTIFICATE to END CERTIFICATE, nothing else")
    return value


class LogHost(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """A host that takes the logs of others: syslog over TLS (RFC 5425), each side known by its certificate.

    `authority` is what the log host is trusted by, as PEM: the certificate of whoever signed its own, or its own; none only for
    one of `log_hosts`, whose certificate site.yml hands out. `name` must stand in its certificate; none named means its
    address, which then must be a host name. What a host cannot forward at once waits on its disk in at most `queue_bytes`; when
    these are full, what comes later is left out.
    """

    address: Address
    port: PortNumber = 6514
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")] | None = None
    authority: Annotated[str, StringConstraints(max_length=32768), AfterValidator(_certificates)] | None = None
    queue_bytes: Annotated[int, Field(ge=1 << 21, le=1 << 36)] = 1 << 28

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.name is None and re.search(r":|\.[0-9]+$", self.address):
            raise ValueError("name: an address needs the name that the log host's certificate says beside it")
        return self

    @property
    def certified_name(self) -> str:
        """Return the name that the log host's certificate must say."""
        return self.name or self.address


class HardeningChoices(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """What an organisation chooses about hardening; single controls are left out by waivers, with a reason and an end.

    `banner` is what everyone reads before logging in. `ssh_groups` are the groups whose members may log in over SSH; none
    named means everyone with a key. `forwarding` says whether a host goes on forwarding packets where containers, virtual
    machines or tunnels need it, or never does. `may_lose_access` are accounts that a change may shut out of SSH: any other
    that has keys and would be stops it. `jump_for` are the destinations, host:port, of logins that pass through a host; runs of
    Ansible fill it in from the ssh_config. Every node forwards its logs to the `log_host`, a host outside of the consortium file,
    or to that of the `log_hosts` (monitors or repositories) which is of its own organisation; none named means that they stay
    where they are written. A changed set must be confirmed over a new SSH connection within `confirm_seconds`, or it is undone.
    """

    banner: Annotated[str, StringConstraints(max_length=2000)] = (
        "This is a private system. Access is restricted to authorised operators; unauthorised access is prohibited.\n"
        "All activity is monitored and logged, and may be used as evidence.\n"
    )
    ssh_groups: list[Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]] = []
    forwarding: Literal["as_needed", "never"] = "as_needed"
    may_lose_access: list[Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}\$?$")]] = []
    jump_for: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\[\]-]{1,255}:[0-9]{1,5}$")]] = []
    log_host: LogHost | None = None
    log_hosts: list[Name] = []
    confirm_seconds: Annotated[int, Field(ge=10, le=600)] = 90

    @model_validator(mode="after")
    def _names_one_kind_of_log_host(self) -> Self:
        chosen = self.log_host
        if chosen and chosen.authority and self.log_hosts:
            raise ValueError("log_host is a host outside of the consortium file, log_hosts are hosts in it: name one of both")
        if chosen and not chosen.authority and chosen.name not in self.log_hosts:
            raise ValueError("log_host: authority: needs the certificate by which the log host is trusted")
        return self
