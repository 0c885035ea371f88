"""Ask nodes of other organisations what they can prove of the chain, beside this host's own: all at once, for seconds.

What they send is bounded in bytes, validators and time; what of it is proven follows from this host's genesis.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.printable import printable
from nodeops.document.models import Member, NodeDocument
from nodeops.ledger.answers import ValidatorSet
from nodeops.ledger.cometbft.driver import CometBft, rpc_url
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.recorded import recorded
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.begin_servers import url_of
from nodeops.ledger.node.status import LIVE_WINDOW, stale_after
from nodeops.quorum.newest import Compared, Pace, Told, compared, to_ask
from nodeops.quorum.policy import Standing

_SECONDS = 5.0
_MOST_ASKED = 8
# Six commits of so many validators take half of the bytes. Who makes up more would make this host verify for minutes.
_MOST_VALIDATORS, _MOST_BYTES = 300, 2 << 20
_WHY_LENGTH = 160


class _Asked(CometBft):
    """A node that need not be honest."""

    def validators(self, height: int | None = None) -> ValidatorSet:
        """Return the validator set at a height. Raise HostError for more than any consortium has."""
        found = super().validators(height)
        if len(found.validators) > _MOST_VALIDATORS:
            raise HostError(
                f"shows {len(found.validators)} validators", where=self.rpc.url, allowed=f"at most {_MOST_VALIDATORS}"
            )
        return found


def compare(node: NodeDocument, shown: Standing) -> Compared:
    """Return by whose blocks is judged, beside what this host's own node shows. Takes some seconds at most; nobody's silence or
    lie raises."""
    members = [node.node, *to_ask(node.members, node.node, _MOST_ASKED)]
    # What was followed before is verified once for all of them.
    follower = _follower(node)
    until = time.monotonic() + _SECONDS
    with ThreadPoolExecutor(len(members)) as pool:
        own, *others = pool.map(lambda one: _told(one, _driver(node, one, until), follower), members)
    block_seconds = node.ledger.block_seconds
    pace = Pace(time.time(), stale_after(block_seconds), block_seconds)
    return compared(shown, own, others, pace, alone=_alone(node.members))


def _alone(members: Sequence[Member]) -> bool:
    return len({one.organisation for one in members}) < 2


def _follower(node: NodeDocument) -> Follower | NodeopsError:
    """Return who proves blocks here, or why nobody can."""
    try:
        return open_follower(node, driver_for(node))
    except NodeopsError as error:
        return error


def _driver(node: NodeDocument, member: Member, until: float) -> _Asked:
    url = rpc_url(node) if member.name == node.node.name else url_of(node, member)
    return _Asked(Rpc(url, timeout_seconds=_SECONDS, max_bytes=_MOST_BYTES, until=until), node.ledger.chain)


def _told(member: Member, driver: _Asked, follower: Follower | NodeopsError) -> Told:
    claimed = None
    try:
        claimed = driver.status().height
        if isinstance(follower, NodeopsError):
            raise follower
        proven = recorded(follower.through(driver), driver, claimed, LIVE_WINDOW)
        return Told(member.name, member.organisation, claimed, proven)
    except NodeopsError as error:
        return Told(member.name, member.organisation, claimed, None, printable(error.what, _WHY_LENGTH))
