"""What an organisation chooses about hardening: `hardening` in nodeops_choices. Pure."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints


class HardeningChoices(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False):
    """What an organisation chooses about hardening; single controls are left out by waivers, with a reason and an end.

    `banner` is what everyone reads before logging in. `ssh_groups` are the groups whose members may log in over SSH; none
    named means everyone with a key. `forwarding` says whether a host goes on forwarding packets where containers, virtual
    machines or tunnels need it, or never does. `may_lose_access` are accounts that a change may shut out of SSH: any other
    that has keys and would be stops it. `jump_for` are the destinations, host:port, of logins that pass through a host; runs of
    Ansible fill it in from the ssh_config. A changed set must be confirmed over a new SSH connection within
    `confirm_seconds`, or it is undone.
    """

    banner: Annotated[str, StringConstraints(max_length=2000)] = (
        "This is a private system. Access is restricted to authorised operators; unauthorised access is prohibited.\n"
        "All activity is monitored and logged, and may be used as evidence.\n"
    )
    ssh_groups: list[Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]] = []
    forwarding: Literal["as_needed", "never"] = "as_needed"
    may_lose_access: list[Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}\$?$")]] = []
    jump_for: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\[\]-]{1,255}:[0-9]{1,5}$")]] = []
    confirm_seconds: Annotated[int, Field(ge=10, le=600)] = 90
