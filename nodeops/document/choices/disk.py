"""What an organisation chooses about its hosts' disks: `disk` in nodeops_choices. Pure."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

# More than any disk has, and still a number that every file system call takes.
MOST_BYTES = 1 << 60


class Shipping(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """Where sealed logs are copied before they may be purged: `remote` is `NAME:PATH` of the host's own rclone configuration.

    With `required` nothing is purged that was not acknowledged. `most_bytes_per_second` spares the network; 0: no limit.
    """

    remote: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}:[^\x00-\x1f\x7f]{0,500}$")]
    required: bool = False
    most_bytes_per_second: Annotated[int, Field(ge=0, le=MOST_BYTES)] = 0


class DiskChoices(BaseModel, strict=True, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """How full the hosts' disks may get, and how long sealed logs are kept. Sizes in bytes.

    `log_device` (a blank block device) or `log_bytes` (an image file of that size) give the ledger's log a filesystem of its
    own. The live log is sealed when it has `seal_bytes` or when its oldest line is `seal_seconds` old. Sealed logs are kept up
    to `max_age_days` and `max_bytes`, the newest `keep_bytes` whatever happens. `watermarks` replaces percents of the stages
    in nodeops/disk/stages.toml. `lossy_ok` lets logs go that were to be shipped and were not, before the node has to stop.
    """

    log_device: Annotated[str, StringConstraints(pattern=r"^/dev/[A-Za-z0-9/_.-]{1,200}$")] | None = None
    log_bytes: Annotated[int, Field(ge=64 << 20, le=MOST_BYTES)] | None = None
    seal_bytes: Annotated[int, Field(ge=1 << 20, le=MOST_BYTES)] = 64 << 20
    seal_seconds: Annotated[float, Field(ge=60, le=366 * 86400)] = 3600.0
    max_age_days: Annotated[float, Field(gt=0, le=36_600)] = 90.0
    max_bytes: Annotated[int, Field(ge=1 << 20, le=MOST_BYTES)] = 20 << 30
    keep_bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)] = 16 << 20
    watermarks: dict[Literal["watch", "low", "high", "flood", "critical"], Annotated[float, Field(gt=0, lt=100)]] = {}
    ballast_bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)] = 1 << 30
    lossy_ok: bool = False
    ship: Shipping | None = None

    @model_validator(mode="after")
    def _one_place_for_logs(self) -> Self:
        if self.log_device and self.log_bytes:
            raise ValueError("log_device and log_bytes exclude each other: the log has one filesystem")
        return self
