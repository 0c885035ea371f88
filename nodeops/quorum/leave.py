"""Leave to stop a node: ask the quorum gate before a restart, and wait for it in bounds."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nodeops.core.errors import NodeopsError, Refused, Timeout
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.lock import let_go
from nodeops.ledger.answers import ValidatorSet
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.live import is_reachable
from nodeops.ledger.node.observe import settled_commits, signer_shares
from nodeops.ledger.node.status import live_signers
from nodeops.ledger.node.wait import left_behind, moves
from nodeops.quorum.policy import Leases, Passage, Request, Standing, Verdict, leave
from nodeops.receipts import notes

if TYPE_CHECKING:
    from nodeops.quorum.newest import Compared

# A node that has just come back may sign a few blocks later, and a ledger that starts may not answer yet.
_PATIENCE_SECONDS = {"closed": 45.0, "silent": 15.0, "stands": 0.0}
_QUESTION_SECONDS = 3.0
_BOOK = "forced.jsonl"
_OPEN: tuple[Verdict, ...] = ("open",)
_CONFIRMED: tuple[Verdict, ...] = ("open", "wait", "leased", "closed", "stands")
_LEAST_PAUSE_SECONDS, _MOST_PAUSE_SECONDS = 0.5, 10.0
_REFUSED = {
    "leased": ("others have leases", "wait for their end: nodeops quorum status. Where that cannot be: --force REASON"),
    "closed": ("the others need this node", "bring other validators back first: nodeops ledger validators"),
    "stands": ("", "find out why: nodeops ledger validators. If a restart is the mend, say so: --chain-stands"),
    "silent": ("", "read the end of its log. If a restart is the mend, say so: --chain-stands"),
}


class Gate(Protocol):
    """What gives a node leave to stop."""

    @property
    def node(self) -> NodeDocument:
        """Whose leave is asked for."""

    def wait(self, report: Callable[[str], None]) -> Passage:
        """Return once this node may be restarted. Raise as `ask`."""

    def spare(self, report: Callable[[str], None]) -> Passage:
        """Return once the others can do without this node. Raise as `ask`."""


@dataclass(frozen=True)
class Asked:
    """One node's question to the gate, and how many seconds its answer may take."""

    node: NodeDocument
    request: Request
    patience_seconds: float

    def wait(self, report: Callable[[str], None]) -> Passage:
        """Return once this node may be restarted. Raise as `ask`."""
        return ask(self.node, self.request, self.patience_seconds, report)

    def spare(self, report: Callable[[str], None]) -> Passage:
        """Return once the others can do without this node, whoever's turn it is: for what should not stop it, and may."""
        return ask(self.node, self.request, self.patience_seconds, report, enough=("open", "wait"))


def observe(node: NodeDocument, driver: Driver) -> Standing:
    """Return what this node sees of its chain. A chain whose newest block is old is watched for seconds before it counts as one
    that stands. Raise HostError when its ledger does not answer."""
    seen = driver.status()
    voting = driver.validators() if seen.height else ValidatorSet(0, ())
    live = live_signers(signer_shares(settled_commits(driver, seen), voting)) if seen.height else frozenset[str]()
    moving = moves(driver, seen, node.ledger.block_seconds)
    return Standing(
        height=seen.height,
        moving=moving,
        own=seen.validator_address,
        powers={one.address: one.power for one in voting.validators},
        live=live,
        behind=not moving and left_behind(driver, seen),
    )


def look(node: NodeDocument, request: Request, confirm: Collection[Verdict] = _CONFIRMED) -> Passage:
    """Return whether this node may be restarted now. A ledger that listens nowhere has no peers, so nobody counts on it.

    This host's own node is asked first. Where that comes to a verdict of `confirm`, it has to prove what it shows, and nodes of
    other organisations are asked to do so as well: the newest proven block decides. Where it does not answer, they are asked
    before the word that it may be stopped all the same counts: a node whose RPC hangs may vote, and be needed.
    """
    if not is_reachable(node):
        return Passage("open", "the ledger takes no part: it listens nowhere")
    shown, leases = _seen(node, _own_word, None)
    found = _answer(node, request, shown, leases)
    asks = found.verdict in confirm if shown is not None else request.chain_stands
    return _answer(node, request, *_seen(node, _compared, leases)) if asks else found


def _seen(
    node: NodeDocument, see: Callable[[NodeDocument], "Compared | None"], leases: Leases | None
) -> "tuple[Compared | None, Leases | None]":
    """Return what is seen, and leases, which are read where this node votes and they were not read yet."""
    found = see(node)
    if leases is None and found is not None and found.seen.moving and found.seen.own in found.seen.live:
        leases = _leases(node, found.seen)
        # Leases may take a minute to read, and who was live then may be gone: the answer is of now.
        found = see(node)
    return found, leases


def _answer(node: NodeDocument, request: Request, found: "Compared | None", leases: Leases | None) -> Passage:
    rule, block_seconds = load_profile(node.ledger.platform).quorum, node.ledger.block_seconds
    if found is None:
        return leave(request, None, rule, block_seconds)
    known = leases or Leases()
    # Of leases a node that lags may show as little as of blocks: power is left to what is known, its own gives it no right.
    seen = replace(found.seen, leases=replace(known, since=None) if found.lags else known)
    passage = leave(_told_by_this_chain(node, request, seen), seen, rule, block_seconds)
    return replace(passage, why="; ".join(filter(None, [passage.why, found.said()])), seen=found.own)


def _told_by_this_chain(node: NodeDocument, request: Request, seen: Standing) -> Request:
    """Return what is asked. What others may be restarting is counted from this host's file; where the chain has other power by
    now, that may be more, and turns are waited for."""
    same = sum(one.power for one in node.members) == sum(seen.powers.values())
    return request if same else replace(request, elsewhere=None)


def _own_word(node: NodeDocument) -> "Compared | None":
    # start-up: whoever imports this room's options need not read what proves a block
    from nodeops.quorum.newest import Compared

    try:
        seen = observe(node, driver_for(node, _QUESTION_SECONDS))
    except NodeopsError:
        return None
    return Compared(seen, seen)


def _compared(node: NodeDocument) -> "Compared | None":
    # start-up: whoever imports this room's options need not read what proves a block
    from nodeops.quorum.others import compare

    found = _own_word(node)
    if found is not None:
        return compare(node, found.seen)
    own = _founder_address(node)
    told = compare(node, Standing(0, False, own, {}, frozenset())) if own else None
    # What others prove of this node is what it has to come back to. One that has another key by now, they cannot tell of.
    return replace(told, own=told.seen) if told is not None and own in told.seen.powers else None


def _founder_address(node: NodeDocument) -> str:
    """Return the address of this host's validator by its genesis, "" for one that is not in it."""
    # start-up: whoever imports this room's options need not read the ledger's authors
    from nodeops.quorum.lease.store import validators_by_name

    try:
        return validators_by_name(node).get(node.node.name, "")
    except NodeopsError:
        return ""


def _leases(node: NodeDocument, seen: Standing) -> Leases:
    # start-up: whoever imports this room's options need not read the ledger's authors
    from nodeops.quorum.lease.store import leases_for

    return leases_for(node, seen)


def ask(
    node: NodeDocument,
    request: Request,
    patience_seconds: float,
    report: Callable[[str], None],
    enough: Collection[Verdict] = _OPEN,
) -> Passage:
    """Return once the gate says what is `enough`: that this node may be restarted; `report` is told why it is not yet. What is
    forced is written into the book first.

    Raise Refused, with the numbers, when the others need it, when the chain stands and when the ledger does not answer; Timeout
    when its turn does not come within `patience_seconds`.
    """
    began = time.monotonic()
    verdict, since = "", began
    while True:
        found, now = look(node, request, enough), time.monotonic()
        verdict, since = (found.verdict, since) if found.verdict == verdict else (found.verdict, now)
        over = now - since >= _PATIENCE_SECONDS.get(found.verdict, patience_seconds) or now - began >= patience_seconds
        if over and found.verdict not in enough:
            # What one node shows does not refuse for good either.
            found = look(node, request)
        if found.verdict in enough:
            if found.forced:
                note_forced(node, request.force, found)
            return found
        if over:
            raise _no(node, found, now - began)
        report(f"may not stop yet: {found.why}")
        with let_go():
            time.sleep(min(_MOST_PAUSE_SECONDS, max(_LEAST_PAUSE_SECONDS, node.ledger.block_seconds / 2)))


def note_forced(node: NodeDocument, reason: str, found: Passage) -> None:
    """Write into this host's book that the gate was passed against its word, and why. Raise HostError when that fails."""
    folder = Path(node.paths["quorum_state"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    notes.append(folder / _BOOK, node.node.name, "forced", {"reason": reason, "gate": found.forced})


def forced(node: NodeDocument) -> tuple[list[notes.Note], list[str]]:
    """Return when the gate was passed against its word, and what is wrong with the book. Raise HostError if unreadable."""
    return notes.read(Path(node.paths["quorum_state"]) / _BOOK)


def _no(node: NodeDocument, found: Passage, waited: float) -> NodeopsError:
    where = f"the ledger of {node.node.name}"
    if found.verdict == "wait":
        return Timeout(f"waited {waited:.0f} s to stop: {found.why}", where=where, hint="--patience SECONDS waits longer")
    reason, hint = _REFUSED[found.verdict]
    return Refused(": ".join(filter(None, ["may not be stopped", reason, found.why])), where=where, hint=hint)
