"""A node and its chain have different states: which side is wrong? The log gives the hint, a quorum of the network decides.

Whoever proposes a block can bring a node to log that its state is another one. But no block is committed unless validators with
a quorum of the voting power signed the hash of the state before it: when those have blocks above the one at which this node
stands, the chain's state is theirs.
"""

import contextlib
import time
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.observe import peer_names
from nodeops.ledger.quorum import needed

_READ_AT_ONCE = 1 << 20
# A node that refuses a block leaves the peers that sent it, and finds them again after some seconds.
_LOOK_FOR_SECONDS, _LOOK_EVERY_SECONDS = 30.0, 0.5


def log_size(document: NodeDocument) -> int:
    """Return the size of the ledger's log in bytes; 0 without one."""
    try:
        return Path(document.ledger.paths["log"]).stat().st_size
    except OSError:
        return 0


def disputed(document: NodeDocument, since: int | None = None) -> bool:
    """Tell whether the ledger logged that its state is not the chain's: since the log had a size, or lately. Only a hint."""
    rule, size = load_profile(document.ledger.platform).recompute, log_size(document)
    if rule is None:
        return False
    start = size - _READ_AT_ONCE if since is None else since if since <= size else 0
    try:
        with Path(document.ledger.paths["log"]).open("rb") as log:
            log.seek(max(start, size - _READ_AT_ONCE, 0))
            return rule.disputed.encode() in log.read(_READ_AT_ONCE)
    except OSError:
        return False


def outvoted(document: NodeDocument, since: int | None = None) -> bool:
    """Tell whether this node's state is another one than the chain's: it logged so (see `disputed`), and stands while members
    with a quorum of the voting power have newer blocks. Where the chain stands, or the ledger does not answer, nobody decided.
    """
    return disputed(document, since) and _left_behind(document, driver_for(document))


def _left_behind(document: NodeDocument, driver: Driver) -> bool:
    """Tell whether a quorum is ahead while this node's height stays. What is seen one after the other counts together."""
    powers = {one.name: one.power for one in document.members}
    least = needed(sum(powers.values()), load_profile(document.ledger.platform).quorum)
    until, stands, ahead = time.monotonic() + _LOOK_FOR_SECONDS, 0, set[str]()
    while True:
        with contextlib.suppress(NodeopsError):
            height, found = _ahead(document, driver)
            ahead = found | (ahead if height == stands else set())
            stands = height
        if sum(powers.get(name, 0) for name in ahead) >= least:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_EVERY_SECONDS)


def _ahead(document: NodeDocument, driver: Driver) -> tuple[int, set[str]]:
    """Return this node's height, and which members, by their addresses, claim a newer block."""
    height, names = driver.status().height, peer_names(driver.peers(), document)
    return height, {names.get(peer, "") for peer, claimed in driver.peer_heights().items() if claimed > height}
