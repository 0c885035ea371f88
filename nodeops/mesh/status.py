"""What the prober says of its paths, in a file that everybody on the host may read."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

import nodeops
from nodeops.core.errors import HostError
from nodeops.host.files import write_atomic
from nodeops.mesh.prober import SELF, Peer, Refused
from nodeops.mesh.seen import Measured, Seen

WRITE_SECONDS = 5.0
# Written every few seconds; what is older speaks of a network that may be gone.
STALE_SECONDS = 30.0


def tree() -> str:
    """Return where this process was loaded from: another folder after the agent was updated."""
    return str(Path(nodeops.__file__).resolve().parent)


def seen(node: str, peers: Mapping[str, Peer], refused: Refused, missing: list[str]) -> Seen:
    """Return what a prober sees now."""
    now = time.monotonic()
    return Seen(
        uptime=time.clock_gettime(time.CLOCK_BOOTTIME),
        tree=tree(),
        node=node,
        noise=_path(peers[SELF], now),
        paths={name: _path(peer, now) for name, peer in sorted(peers.items()) if peer.asked and name != SELF},
        without_certificate=missing,
        **vars(refused),
    )


def _path(peer: Peer, now: float) -> Measured:
    view = peer.window.view(now)
    return Measured(
        **vars(peer.window.counts),
        recent=view.ended,
        recent_lost=view.lost,
        rtt_median=view.rtt_median,
        rtt_p99=view.rtt_p99,
        jitter=view.jitter,
        silent_seconds=view.silent_seconds,
        ledger=peer.carriage.view(now),
    )


def write(path: Path, found: Seen) -> None:
    """Replace the file in one step."""
    write_atomic(path, found.model_dump_json().encode(), 0o644)


def read(path: Path) -> Seen:
    """Return what the prober said last. Raise HostError when it says nothing, said it long ago, or not in these words."""
    hint = "journalctl --unit nodeops-mesh.service --lines 20; this verb is for hosts"
    try:
        found = Seen.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise HostError("the prober never ran since the boot", where=str(path), hint=hint) from error
    except (OSError, ValueError, ValidationError) as error:
        raise HostError(f"cannot be read: {error}", where=str(path), hint=hint) from error
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - found.uptime
    if age > STALE_SECONDS:
        raise HostError(f"the prober said nothing for {age:.0f} s", where=str(path), hint=hint)
    return found
