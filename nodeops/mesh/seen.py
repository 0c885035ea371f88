"""What a prober says of its paths: the words of its file, of `--json`, and of what a fleet is told. Pure."""

from typing import Annotated

from pydantic import BaseModel, Field

# What a share can be made of: a host that was taken over may say more digits than any float holds.
_Count = Annotated[int, Field(ge=0, lt=1 << 63)]
_Seconds = Annotated[float, Field(ge=0, le=1e9)]


class Carried(BaseModel):
    """What the ledger's own connections to a peer carried, as the kernel counts it: segments with data, and those sent again.

    Counted since the prober began, and over the last minute; `mtu` in bytes, None without a connection.
    """

    connections: _Count
    mtu: _Count | None
    segments: _Count
    retransmitted: _Count
    recent_segments: _Count
    recent_retransmitted: _Count


class Measured(BaseModel):
    """What one node sees of another: counted since its prober started, measured over the last minute. Times in seconds."""

    sent: _Count
    answered: _Count
    lost: _Count
    late: _Count
    duplicate: _Count
    unsent: _Count
    recent: _Count
    recent_lost: _Count
    rtt_median: _Seconds | None
    rtt_p99: _Seconds | None
    jitter: _Seconds | None
    silent_seconds: _Seconds | None
    # None of a prober that cannot say: an older one, or where the kernel shows no connections.
    ledger: Carried | None = None


class Seen(BaseModel):
    """All that a prober says. `noise` is its own path to itself: what its host adds to every figure."""

    uptime: _Seconds
    tree: str
    node: str
    noise: Measured
    paths: dict[str, Measured]
    without_certificate: list[str]
    strangers: _Count
    forged: _Count
    # An older prober does not tell them apart.
    repeated: _Count = 0
    too_many: _Count
