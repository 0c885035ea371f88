"""All that one organisation chooses for its hosts, as `nodeops_choices` has it. Pure."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from nodeops.document.choices.disk import MOST_BYTES, DiskChoices
from nodeops.document.choices.firewall import FirewallChoices
from nodeops.document.choices.hardening import HardeningChoices


class Choices(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """What one organisation chooses for its own nodes (`nodeops_choices` in group_vars). Sizes in bytes."""

    log_level: Literal["debug", "info", "error"] = "info"
    min_free_bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)] = 1 << 30
    max_clock_skew_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    firewall: FirewallChoices = FirewallChoices()
    hardening: HardeningChoices = HardeningChoices()
    disk: DiskChoices = DiskChoices()
