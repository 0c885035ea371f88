"""What the chain itself shows of a node that went over: votes, a block of its own, a round that came to nothing. Pure.

Nothing is remembered between runs: a block that was made after the process began is evidence for whoever asks later.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nodeops.ledger.answers import BlockCommit


@dataclass(frozen=True)
class Wanted:
    """What must be seen: votes in so many blocks. Where asked for: in one that needed another round, and a block of its own."""

    blocks: int
    proposal: bool = False
    another_round: bool = False


@dataclass(frozen=True)
class Shown:
    """What blocks show of one validator: in how many it voted, how many are its own, in how many of another round it voted."""

    votes: int
    of: int
    own: int
    other_rounds: int

    def __str__(self) -> str:
        """Return it in words."""
        own = f"{self.own} of them its own, {self.other_rounds} that needed another round"
        return f"it voted in {self.votes} of {self.of} blocks, {own}"

    def unfollowed(self, wanted: Wanted) -> list[str]:
        """Return what is missing of a node without a vote: it has to follow so many blocks."""
        return [] if self.of >= wanted.blocks else [f"{wanted.blocks} blocks (seen {self.of})"]

    def missing(self, wanted: Wanted) -> list[str]:
        """Return what is wanted and not seen yet, a phrase each."""
        found = []
        if self.votes < wanted.blocks:
            found.append(f"its vote in {wanted.blocks} blocks (seen in {self.votes} of {self.of})")
        if wanted.proposal and not self.own:
            found.append("a block of its own")
        if wanted.another_round and not self.other_rounds:
            found.append("its vote in a block that needed another round")
        return found


def shown(commits: Sequence[BlockCommit], address: str, since: float) -> Shown:
    """Return what commits show of a validator: blocks with a time after `since`, the start of its process in Unix seconds."""
    seen = [one for one in commits if one.time.timestamp() > since]
    signed = [one for one in seen if address in one.signers]
    return Shown(len(signed), len(seen), sum(one.proposer == address for one in seen), sum(one.round > 0 for one in signed))


def lost_peers(before: Collection[str], now: Collection[str]) -> tuple[list[str], bool]:
    """Return which peers are gone, and whether that are more than half: a single one may have left by itself."""
    gone = sorted(set(before) - set(now))
    return gone, 2 * len(gone) > len(set(before))
