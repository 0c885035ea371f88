"""Watch the chain until it shows that a node works with the others; step aside, so that a round comes to nothing."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import ceil

from nodeops.core.errors import NodeopsError, Refused, Timeout
from nodeops.document.models import NodeDocument
from nodeops.host.units import systemd, undo_timer
from nodeops.host.units.unit_settings import unit_settings
from nodeops.ledger.answers import BlockCommit, LedgerStatus
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.rejoin import Part, rejoin, settle
from nodeops.ledger.node.service import require_running
from nodeops.lifecycle.restart import part_of
from nodeops.lifecycle.upgrade.evidence import Shown, Wanted, lost_peers, shown
from nodeops.quorum.leave import Asked

# Blocks that are looked back at, each of which is asked for once; more than a roll of many nodes takes.
_LOOK_BACK = 200
_LOOK_EVERY_SECONDS = 0.5
# timeout_propose of CometBFT, and some time to stop.
_ROUND_SECONDS = 5.0
_MOST_ASIDE_SECONDS = 900.0
_BACK = "nodeops-step-back"
Report = Callable[[str], None]


@dataclass
class Watch:
    """The blocks of one node's chain since its process began, read once each."""

    document: NodeDocument
    wanted: Wanted
    peers: Collection[str] = ()

    def __post_init__(self) -> None:
        self.driver: Driver = driver_for(self.document)
        self.started = unit_settings(self.document.ledger.unit).started or time.time()
        self.commits: list[BlockCommit] = []
        self.seen = Shown(0, 0, 0, 0)

    def missing(self) -> list[str]:
        """Return what is wanted and was not seen yet. Raise as the driver does."""
        status = self.driver.status()
        # The block after it settles which votes the chain records.
        last = status.height - 1
        known = self.commits[0].height if self.commits else max(status.earliest_height, last - _LOOK_BACK, 1) - 1
        self.commits = [*self.driver.commits(known + 1, last), *self.commits]
        return [*self._blocks(status), *self._peers()]

    def _blocks(self, status: LedgerStatus) -> list[str]:
        self.seen = shown(self.commits, status.validator_address, self.started)
        return self.seen.missing(self.wanted) if status.voting_power else self.seen.unfollowed(self.wanted)

    def _peers(self) -> list[str]:
        gone, most = lost_peers(self.peers, [peer.node_id for peer in self.driver.peers()]) if self.peers else ([], False)
        return [f"its peers: {', '.join(one[:10] for one in gone)} gone"] if most else []


def watch(found: Watch, timeout_seconds: float, report: Report) -> Shown:
    """Return what the chain shows once that is all that is wanted.

    Raise Timeout with what is missing, or when the process does not stay up.
    """
    document, until = found.document, time.monotonic() + timeout_seconds
    started, missing = require_running(document), ["an answer"]
    while time.monotonic() < until:
        require_running(document, started)
        try:
            missing = found.missing()
        except NodeopsError as error:
            missing = [f"an answer: {error.what}"]
        if not missing:
            return found.seen
        report(f"waiting for {', '.join(missing)}")
        time.sleep(_LOOK_EVERY_SECONDS)
    hint = "nodeops status says what is wrong; --timeout SECONDS waits longer"
    text = f"waited {timeout_seconds:g} s for {', '.join(missing)}"
    raise Timeout(text, where=f"the ledger of {document.node.name}", hint=hint)


def step_aside(asked: Asked, timeout_seconds: float, report: Report) -> str:
    """Stop the ledger for as long as its turn to propose takes to come, and start it again; return why it was not done, if so.

    The others then need another round. A timer of systemd starts it even when this is killed. Raise Timeout when the node does
    not take part again.
    """
    document = asked.node
    try:
        seen = asked.wait(report).seen
    except (Refused, Timeout) as error:
        return error.what
    part = part_of(seen)
    if part is None or seen is None:
        return "the chain does not move, or this node does not answer"
    own = seen.powers.get(seen.own, 0)
    if not own or not part.votes:
        return "this node does not vote"
    seconds = aside_seconds(sum(seen.powers.values()) / own, block_seconds(driver_for(document)))
    if seconds > _MOST_ASIDE_SECONDS:
        return f"its turn to propose takes {seconds:.0f} s to come, {_MOST_ASIDE_SECONDS:.0f} s is the most"
    _away(document, part, seconds, timeout_seconds, report)
    return ""


def turn_seconds(document: NodeDocument) -> float | None:
    """Return for how long a block of its own may take to come; None without a vote, and where that is too long to wait for."""
    driver = driver_for(document)
    own, every = driver.status().voting_power, driver.validators().validators
    seconds = aside_seconds(sum(one.power for one in every) / own, block_seconds(driver)) if own else None
    return None if seconds is None or seconds > _MOST_ASIDE_SECONDS else seconds


def aside_seconds(turns: float, block: float) -> float:
    """Return for how long a validator must be away to miss its turn, which comes once in so many blocks, for sure. Pure."""
    return (ceil(turns) + 2) * block + _ROUND_SECONDS


def block_seconds(driver: Driver) -> float:
    """Return how long a block took lately, on the chain's own clock."""
    last = driver.status().height - 1
    times = [one.time.timestamp() for one in driver.commits(max(1, last - 9), last)]
    return (max(times) - min(times)) / (len(times) - 1) if len(times) > 1 else 1.0


def _away(document: NodeDocument, part: Part, seconds: float, timeout_seconds: float, report: Report) -> None:
    unit = document.ledger.unit
    undo_timer.clear(_BACK)
    undo_timer.arm(_BACK, ["systemctl", "start", unit], seconds + 30, "1s")
    try:
        systemd.systemctl("stop", unit)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            report(f"stepped aside, {left:.0f} s left")
            time.sleep(min(1.0, left))
    finally:
        systemd.systemctl("start", unit)
    undo_timer.disarm(_BACK)
    settle(document)
    rejoin(document, part, timeout_seconds, report)
