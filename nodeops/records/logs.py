"""Read all that authors wrote, through one node that may lie: how much each wrote is proven, so nothing can be kept back.

An account's sequence is how many transactions it has had; the chain's state holds it, and a verified header proves that state.
Each transaction carries its number. So every number below the sequence is asked for, its block is proven as a whole, and a number
that the node does not show is a gap.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from nodeops.core.errors import HostError
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.contents import prove_contents
from nodeops.ledger.cometbft.proof import ANOTHER_NODE, ProvenBlock, Step
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.state import ProvenState
from nodeops.ledger.driver import Driver
from nodeops.records.authored import Entry, Frontier, GapError, entries
from nodeops.records.index import Index

# State can be proven from height 2 on, by the header of the next block.
_FIRST_STATE = 2
# A node writes its index of transactions a moment after the block itself (state/txindex/indexer_service.go).
_INDEX_SECONDS, _POLL_SECONDS = 5.0, 0.25
# How a node says that it keeps no state of a height any more (cosmos-sdk at tag v0.53.8, baseapp/abci.go; iavl).
_FORGOTTEN = ("failed to load state", "version does not exist")
_FORGOTTEN_HINT = "ask a node that keeps older states, or copy the index of a host that read it in time"
_YOUNG_SECONDS = 10.0
_YOUNG = "the chain has only just begun: run again in some seconds"


class AuthorLogs:
    """All transactions of all authors, brought into the index. `block` proves the block of a height, or raises ProofError."""

    def __init__(
        self, driver: Driver, block: Callable[[int], ProvenBlock], authors: Sequence[Author], index: Index, chain: str
    ) -> None:
        self.driver, self.index, self.chain = driver, index, chain
        self.authors = {account_address(one.key): one for one in authors}
        self.block, self.state = block, ProvenState(driver, block)

    def read(self, on_number: Callable[[], object] = lambda: None) -> Frontier:
        """Fetch and verify what is new of every author, up to one below the newest block, whose header proves it.

        Raise GapError for a number that this node does not show, ProofError for what it shows and does not hold.
        """
        height = self._height()
        self.index.drop_unchecked(self.authors)
        accounts = {address: self.state.account(address, height) for address in self.authors}
        numbers = {address: found.number for address, found in accounts.items() if found}
        for address, found in accounts.items():
            for number in self._wanted(address, found.sequence if found else 0):
                self._bring(address, number, height, numbers)
                on_number()
        return Frontier(height, self.block(height).time, accounts)

    def _height(self) -> int:
        """Return the newest height whose state can be proven. Raise HostError while there is none."""
        deadline = time.monotonic() + _YOUNG_SECONDS
        while (height := self.driver.status().height - 1) < _FIRST_STATE:
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
        deadline = time.monotonic() + _INDEX_SECONDS
        while not self.index.has(address, number):
            for place in self.driver.numbered(address, number):
                if place <= height and self._found(address, number, place, numbers):
                    return
            if time.monotonic() > deadline:
                raise self._gap(address, number)
            time.sleep(_POLL_SECONDS)

    def _found(self, address: str, number: int, place: int, numbers: Mapping[str, int]) -> bool:
        proven = self.block(place)
        contents = prove_contents(*self.driver.contents(place), proven, self.block(place + 1))
        self.index.put(proven, entries(contents, place, self.chain, numbers), self.authors)
        return self.index.has(address, number) or self._used_up(address, number, proven)

    def _used_up(self, address: str, number: int, block: ProvenBlock) -> bool:
        """Tell whether a number was used up in a block that holds no accepted transaction of it: by one that failed.

        The account's own count says so, before and after the block; then it is no record, and nothing is missing. Raise GapError
        when the node has forgotten those counts.
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
        if height < _FIRST_STATE:
            self._first_is_empty(address)
            return 0
        found = self.state.account(address, height)
        return found.sequence if found else 0

    def _first_is_empty(self, address: str) -> None:
        """Require that nothing in block 1 names an account, so that its count there is 0. Raise HostError for what does.

        Every message names who signs it by the address as text.
        """
        contents = prove_contents(*self.driver.contents(1), self.block(1), self.block(2))
        if any(address.encode() in one.tx.lower() for one in contents):
            text = f"{address} is named in block 1, whose state nothing proves"
            raise HostError(text, where=self.chain, hint="its first number cannot be told from a failed one")

    def _forgotten(self, address: str, number: int, height: int) -> GapError:
        author = self.authors[address]
        text = f"{author.name} ({author.organisation}) has no transaction of number {number} in block {height} that was accepted"
        why = "this node has forgotten the counts that say whether one that failed used it up there"
        return GapError(f"{text}, and {why}", where=Step.ANSWER, hint=_FORGOTTEN_HINT)

    def _gap(self, address: str, number: int) -> GapError:
        author = self.authors[address]
        text = f"{author.name} ({author.organisation}) wrote a transaction number {number} that this node does not show"
        hint = f"{ANOTHER_NODE}, or it joined late and keeps no old blocks"
        return GapError(text, where=Step.ANSWER, hint=hint)
