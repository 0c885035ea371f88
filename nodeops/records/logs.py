"""Read all that authors wrote, through one node that may lie: how much each wrote is proven, so nothing can be kept back.

An account's sequence is how many transactions it has had; the chain's state holds it, and a verified header proves that state.
Each transaction carries its number. So every number below the sequence is asked for, its block is proven as a whole, and a number
that the node's index does not show is looked for in all blocks that may hold it: a node that is stopped may lose what it had not
indexed yet, for good.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nodeops.core.errors import HostError
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.contents import prove_contents
from nodeops.ledger.cometbft.proof import ANOTHER_NODE, ProofError, ProvenBlock, Step
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.state import FIRST_PROVEN, ProvenAccount, ProvenState
from nodeops.ledger.driver import Driver
from nodeops.records.authored import Entry, Frontier, GapError, entries
from nodeops.records.between import naming
from nodeops.records.index import Index

# A node writes its index of transactions a moment after the block itself, and never what it had not written when it was stopped:
# what feeds the index is stopped before consensus is (node/node.go, OnStop, at tag v0.38.26), and a start indexes nothing again.
_INDEX_SECONDS, _POLL_SECONDS = 5.0, 0.25
# How a node says that it keeps no state of a height any more (cosmos-sdk at tag v0.53.8, store/rootmulti, baseapp; iavl).
_FORGOTTEN = ("ensure height has not been pruned", "failed to load state", "version does not exist")
_FORGOTTEN_HINT = "ask a node that keeps older states, or copy the index of a host that read it in time"
# [storage] discard_abci_responses, and results from before state sync (state/errors.go at tag v0.38.21).
_THROWN_AWAY = ("not persisting finalize block responses", "could not find results for height")
_THROWN_AWAY_HINT = "ask a node that keeps them: one with all blocks, and discard_abci_responses = false in its config.toml"
# So many blocks are looked through for what may stand between two transactions of an author: some minutes.
_MOST_BETWEEN = 500_000
_YOUNG_SECONDS = 10.0
_YOUNG = "the chain has only just begun: run again in some seconds"


class UnsettledError(GapError):
    """A number of which only all blocks that may hold it say what used it up: the node's index has nothing, or its block holds no
    accepted transaction of it and the states that say more are forgotten.
    """


class AuthorLogs:
    """All transactions of all authors, brought into the index. `block` proves the block of a height, or raises ProofError."""

    def __init__(
        self, driver: Driver, block: Callable[[int], ProvenBlock], authors: Sequence[Author], index: Index, chain: str
    ) -> None:
        self.driver, self.index, self.chain = driver, index, chain
        self.authors = {account_address(one.key): one for one in authors}
        self.block, self.state = block, ProvenState(driver, block)
        self._indexed_by = 0.0

    def read(self, on_number: Callable[[], object] = lambda: None) -> Frontier:
        """Fetch and verify what is new of every author, up to one below the newest block, whose header proves it.

        Raise GapError for a number that this node does not show, ProofError for what it shows and does not hold.
        """
        height, self._indexed_by = self._height(), time.monotonic() + _INDEX_SECONDS
        self.index.drop_unchecked(self.authors)
        accounts = {address: self.state.account(address, height) for address in self.authors}
        numbers = {address: found.number for address, found in accounts.items() if found}
        for address, found in self._shortest_first(accounts):
            unsettled: dict[int, UnsettledError] = {}
            for number in self._wanted(address, found.sequence if found else 0):
                try:
                    self._bring(address, number, height, numbers)
                except UnsettledError as error:
                    unsettled[number] = error
                on_number()
            self._settle(address, unsettled, height, numbers)
        return Frontier(height, self.block(height).time, accounts)

    def _shortest_first(self, accounts: Mapping[str, ProvenAccount | None]) -> list[tuple[str, ProvenAccount | None]]:
        """Return accounts, those with the least to read first: whoever writes without end keeps nobody else from being read."""
        counts = {address: found.sequence if found else 0 for address, found in accounts.items()}
        return sorted(accounts.items(), key=lambda one: counts[one[0]] - self.index.held(one[0], counts[one[0]]))

    def _height(self) -> int:
        """Return the newest height whose state can be proven. Raise HostError while there is none."""
        deadline = time.monotonic() + _YOUNG_SECONDS
        while (height := self.driver.status().height - 1) < FIRST_PROVEN:
            if time.monotonic() > deadline:
                raise HostError("nothing can be proven yet", where=self.chain, hint=_YOUNG)
            time.sleep(_POLL_SECONDS)
        return height

    def _wanted(self, address: str, count: int) -> Iterator[int]:
        """Yield the numbers that are not in the index. What a key wrote long after it counted is of no interest.

        Numbers rise with heights, so only one before tells that a number is too late: a later one may have come with its block.
        """
        until = self.authors[address].until
        for number in self.index.missing(address, count):
            if until is not None and self.index.height_before(address, number) > until:
                return
            yield number

    def _bring(self, address: str, number: int, height: int, numbers: Mapping[str, int]) -> None:
        """Bring one number into the index, and with it all others of its block."""
        while not self.index.has(address, number):
            for place in self.driver.numbered(address, number):
                if place <= height and self._found(address, number, place, numbers):
                    return
            if time.monotonic() > self._indexed_by:
                raise self._unshown(address, number)
            time.sleep(_POLL_SECONDS)

    def _found(self, address: str, number: int, place: int, numbers: Mapping[str, int]) -> bool:
        proven = self._take(place, numbers)
        return self.index.has(address, number) or self._used_up(address, number, proven)

    def _take(self, place: int, numbers: Mapping[str, int]) -> ProvenBlock:
        """Bring a block into the index as a whole, and return it."""
        proven, following = self.block(place), self.block(place + 1)
        contents = prove_contents(*self._contents(place), proven, following)
        self.index.put(proven, entries(contents, place, self.chain, numbers), self.authors)
        return proven

    def _contents(self, height: int) -> tuple[Any, Any]:
        try:
            return self.driver.contents(height)
        except HostError as error:
            if any(words in error.what for words in _THROWN_AWAY):
                text = f"this node has thrown away what came of the transactions of block {height}"
                raise ProofError(text, where=Step.RESULTS, hint=_THROWN_AWAY_HINT) from error
            raise

    def _settle(self, address: str, unsettled: Mapping[int, UnsettledError], height: int, numbers: Mapping[str, int]) -> None:
        """Read every block that may hold these numbers. Of what stands in none of them no accepted transaction has the number.

        Raise GapError when these are too many, or the node does not have all of them.
        """
        looked: set[tuple[int, int]] = set()
        for number, error in unsettled.items():
            # It may have come with the blocks of one before.
            if self.index.has(address, number):
                continue
            first, last = span = self._span(address, number, height)
            if span not in looked:
                self._require_span(span, error)
                for place in naming(self.driver, self.block, address, first, last):
                    self._take(place, numbers)
                looked.add(span)
            if not self.index.has(address, number):
                self.index.put(self.block(last), [Entry(address, number, last, 0, "", None)], self.authors)

    def _span(self, address: str, number: int, height: int) -> tuple[int, int]:
        """Return the first and the last block that may hold what used a number up, and count."""
        below, above = self.index.accepted_around(address, number)
        until = self.authors[address].until
        first = below or 1
        return first, max(first, min(above or height, height if until is None else until, height))

    def _require_span(self, span: tuple[int, int], error: UnsettledError) -> None:
        first, last = span
        oldest = self.driver.status().earliest_height
        if oldest > first:
            raise _not_settled(error, f"this node has no blocks below {oldest}; those from {first} to {last} would show it")
        if last - first >= _MOST_BETWEEN:
            many = f"{last - first + 1} blocks from {first} to {last} would show it, and at most {_MOST_BETWEEN} are read for it"
            raise _not_settled(error, many)

    def _used_up(self, address: str, number: int, block: ProvenBlock) -> bool:
        """Tell whether a number was used up in a block that holds no accepted transaction of it: by one that failed.

        The account's own count says so, before and after the block; then it is no record, and nothing is missing. Raise
        UnsettledError when the node has forgotten those counts.
        """
        try:
            before, after = (self._sequence(address, height) for height in (block.height - 1, block.height))
        except HostError as error:
            if any(words in error.what for words in _FORGOTTEN):
                raise self._forgotten(address, number, block.height) from error
            raise
        if not before <= number < after:
            return False
        failed = Entry(address, number, block.height, 0, "", None)
        self.index.put(block, [failed], self.authors)
        return True

    def _sequence(self, address: str, height: int) -> int:
        # Nobody has written anything before the first block, whose own state nothing proves.
        if height < FIRST_PROVEN:
            self._first_is_empty(address)
            return 0
        found = self.state.account(address, height)
        return found.sequence if found else 0

    def _first_is_empty(self, address: str) -> None:
        """Require that nothing in block 1 names an account, so that its count there is 0. Raise HostError for what does.

        Every message names who signs it by the address as text.
        """
        contents = prove_contents(*self._contents(1), self.block(1), self.block(2))
        if any(address.encode() in one.tx.lower() for one in contents):
            text = f"{address} is named in block 1, whose state nothing proves"
            raise HostError(text, where=self.chain, hint="its first number cannot be told from a failed one")

    def _forgotten(self, address: str, number: int, height: int) -> UnsettledError:
        author = self.authors[address]
        text = f"{author.name} ({author.organisation}) has no transaction of number {number} in block {height} that was accepted"
        why = "this node has forgotten the counts that say whether one that failed used it up there"
        return UnsettledError(f"{text}, and {why}", where=Step.ANSWER, hint=_FORGOTTEN_HINT)

    def _unshown(self, address: str, number: int) -> UnsettledError:
        author = self.authors[address]
        text = f"{author.name} ({author.organisation}) wrote a transaction number {number} that this node does not show"
        hint = f"{ANOTHER_NODE}, or it joined late and keeps no old blocks"
        return UnsettledError(text, where=Step.ANSWER, hint=hint)


def _not_settled(error: UnsettledError, why: str) -> GapError:
    return GapError(f"{error.what}; {why}", where=error.where, hint=error.hint)
