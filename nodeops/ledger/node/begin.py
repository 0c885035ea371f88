"""Let a ledger that has no blocks yet begin with the state of a height, which its peers send, instead of the first block.

What it is told to trust is proven by this host's own genesis, through nodes of two organisations that may lie. Their RPC is also
what the ledger itself asks, and believes as far as a light client has to that begins with the block it is told. Where no state
comes, it begins with the first block: that needs nobody's word.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nodeops.core.errors import InputError, NodeopsError, Timeout
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.files import write_atomic
from nodeops.host.units import systemd
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.begin_servers import agreed, answering, ask, same

# Nodes keep the newest two states. The block to begin with is older than both, so that the ledger follows the chain upwards from
# there, by few blocks.
_STATES_KEPT, _MARGIN_BLOCKS = 2, 100
# What is made at a height can be verified with the two blocks above it (statesync/stateprovider.go at tag v0.38.26).
_BLOCKS_ABOVE = 2
# As long as CometBFT trusts by default. The block that is told stays proven for longer.
_LEAST_TRUST_HOURS = 168
_LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Beginning:
    """Where a ledger without blocks begins: with a state above `block`, asked of `servers`; without a block, with the first one.

    `newest` is the chain's newest height, proven.
    """

    newest: int
    block: ProvenBlock | None = None
    servers: tuple[str, ...] = ()
    shown_by: tuple[str, ...] = ()

    def change(self, every: int) -> Change:
        """Return what is said of it; `every` is at how many heights a state is kept."""
        if self.block is None:
            why = f"no state is there yet: the chain has {self.newest} blocks, and a state is kept at each {every}th height"
            return Change("ledger.begin", why, "no blocks", "its first block")
        by = ", ".join(self.shown_by)
        signed = f"signed by {self.block.power} of {self.block.total_power}"
        after = f"a state above block {self.block.height}, {signed}, shown by {by}"
        return Change("ledger.begin", "it begins with a state, which this host's genesis vouches for", "no blocks", after)


def has_blocks(document: NodeDocument) -> bool:
    """Tell whether this host's ledger has begun already: then it goes on from there, whatever it is told."""
    return (Path(document.ledger.paths["data"]) / "blockstore.db").exists()


def require_states(document: NodeDocument) -> int:
    """Return at how many heights a state is kept. Raise InputError for a ledger whose application hands out none."""
    if document.ledger.state_blocks is None:
        text = f"{document.ledger.platform} cannot begin with a state: its application has none to send"
        allowed = "a platform of the Cosmos SDK"
        raise InputError(text, where="--with-state", allowed=allowed, hint="start it without: it fetches all blocks")
    return document.ledger.state_blocks


def plan(document: NodeDocument) -> Beginning | None:
    """Return where to begin, None when the ledger has begun already.

    Raise InputError where too few members answer others, HostError where too few of them prove a block.
    """
    every = require_states(document)
    if has_blocks(document):
        return None
    members = answering(document)
    newest = max(one.block.height for one in agreed(ask(document, members), "its newest block") if one.block)
    if newest < every + _BLOCKS_ABOVE:
        return Beginning(newest)
    height = max(1, newest - _STATES_KEPT * every - _MARGIN_BLOCKS)
    told = agreed(ask(document, members, height), f"block {height}")
    return Beginning(newest, same(told), tuple(one.url for one in told), tuple(one.member.name for one in told))


def environment(program: str, servers: tuple[str, ...], block: ProvenBlock, now: datetime) -> dict[str, str]:
    """Return what tells a program of the Cosmos SDK to begin so; config.toml has the same names (viper, server/util.go)."""
    age_hours = (now - datetime.fromisoformat(block.time)).total_seconds() / 3600
    told = {
        "ENABLE": "true",
        "RPC_SERVERS": ",".join(servers),
        "TRUST_HEIGHT": str(block.height),
        "TRUST_HASH": block.hash,
        "TRUST_PERIOD": f"{max(_LEAST_TRUST_HOURS, round(2 * age_hours))}h",
    }
    return {f"{program.upper()}_STATESYNC_{name}": value for name, value in told.items()}


def tell(document: NodeDocument, beginning: Beginning | None) -> None:
    """Write what the unit reads when it starts; without a block, nothing is left there that an earlier one was told."""
    file = _told(document)
    if beginning is None or beginning.block is None:
        file.unlink(missing_ok=True)
        return
    program = load_profile(document.ledger.platform).binary
    told = environment(program, beginning.servers, beginning.block, datetime.now(UTC))
    file.parent.mkdir(mode=0o755, exist_ok=True)
    write_atomic(file, "".join(f"{name}={value}\n" for name, value in told.items()).encode(), 0o600)


def pending(document: NodeDocument) -> bool:
    """Tell whether the ledger was told to begin with a state, and nobody has seen it do so."""
    return _told(document).exists()


def settle(document: NodeDocument, timeout_seconds: float, report: Callable[[str], None]) -> Change:
    """Wait until the ledger has begun with a state; when it has not in time, begin with the first block. Return what came of it.

    Raise Timeout when it never said that it has no block, HostError when it cannot be stopped or started.
    """
    earliest = _await(document, timeout_seconds, report)
    if not earliest:
        return _with_first_block(document, timeout_seconds)
    _told(document).unlink(missing_ok=True)
    why = "peers handed out a state that follows from the block it was told"
    return Change("ledger.begun", why, "no blocks", f"its oldest block is {earliest}")


def _await(document: NodeDocument, timeout_seconds: float, report: Callable[[str], None]) -> int:
    """Return the oldest block that the ledger has, 0 when it says at the end that it has none."""
    until, driver = time.monotonic() + timeout_seconds, driver_for(document)
    while True:
        why = "no peer has handed out a whole one yet"
        try:
            status = driver.status()
        except NodeopsError as error:
            why = error.what
        else:
            if status.height or time.monotonic() >= until:
                return status.earliest_height if status.height else 0
        if time.monotonic() >= until:
            hint = f"read the end of {document.ledger.paths['log']}; to fetch all blocks: docs/lifecycle.md, fetch the chain anew"
            raise Timeout(f"waited {timeout_seconds:g} s for a state of the chain: {why}", where=document.ledger.unit, hint=hint)
        report(f"waiting for a state of the chain: {why}")
        time.sleep(_LOOK_EVERY_SECONDS)


def _with_first_block(document: NodeDocument, waited_seconds: float) -> Change:
    """Databases that hold no block go, because a state may be half-written in them. The signing state is a file, and stays."""
    systemd.systemctl("stop", document.ledger.unit)
    for found in Path(document.ledger.paths["data"]).iterdir():
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
    _told(document).unlink(missing_ok=True)
    systemd.systemctl("start", document.ledger.unit)
    return Change("ledger.begun", f"no peer handed out a whole state in {waited_seconds:g} s", "no blocks", "its first block")


def _told(document: NodeDocument) -> Path:
    return Path(document.paths["ledger_begin"])
