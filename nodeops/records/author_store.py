"""Records of authors on a ledger that knows them: read with nothing left out, written with a number each.

Sending survives whatever happens in between. A transaction is signed anew for the same number, with the same bytes, until the
account's proven count has passed that number; so a run that was killed, a node that was restarted or a block that came in the
middle leads neither to a record twice nor to one that is lost.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.host.lock import waited
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.authors import Author
from nodeops.ledger.cosmos.account import WRONG_SEQUENCE
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.records.add import value_of
from nodeops.records.authored import authored_history, memo_of, signed_record
from nodeops.records.index import DamagedIndexError
from nodeops.records.logs import AuthorLogs, Frontier
from nodeops.records.versions import History, Outcome, Planned, RecordVersion, Writer, overtaken

# In flight at once: what a block takes of records by its limit of gas, with room for others.
_FLIGHT = 250
# A transaction that is handed in while one block is made is in the next one, or will not come.
_BLOCKS = 2
_POLL_SECONDS = 0.25
# Numbers may be used up by somebody else with the same key, not for ever.
_STRIKES = 5
# mempool/errors.go of CometBFT; the node has it already, or cannot take more just now.
_CACHED, _FULL = "already exists in cache", "mempool is full"
_UNKNOWN = "use this node's own key, or have this one written into consortium.yml (record_keys of its organisation), then site.yml"
_NO_ACCOUNT = "it was made after the chain was founded: a member gives it an account by sending it some coins (docs/records.md)"
_FAILING = "an account without a coin cannot send itself one (docs/records.md); or somebody else writes with the same key"
_WAITING = "it may still be committed: run the same again, which is safe; if blocks stopped, nodeops status says why"


class AuthorStore:
    """All records of all authors, and the pen of one: `key` None reads only."""

    def __init__(self, logs: AuthorLogs, key: SigningKey | None, lock: Path, on_number: Callable[[], object]) -> None:
        self.logs, self.driver, self.key, self.lock, self.on_number = logs, logs.driver, key, lock, on_number
        self._read: Frontier | HostError | Timeout | None = None
        self._author = self._author_of(key) if key else None

    def _author_of(self, key: SigningKey) -> Author:
        author = self.logs.authors.get(key.address)
        if author is None or author.until is not None:
            what = "no member knows this key" if author is None else f"this key counted up to height {author.until}"
            raise InputError(what, where=key.address, allowed="keys of nodes, and record_keys of consortium.yml", hint=_UNKNOWN)
        return author

    @property
    def writer(self) -> Writer:
        """Return in whose name the key writes."""
        if self._author is None:
            raise AssertionError("a store without a key writes nothing")
        return Writer(self._author.organisation, self._author.name)

    def frontier(self) -> Frontier:
        """Return up to where everything is known, which is read once. Raise as `AuthorLogs.read` does, each time."""
        if self._read is None:
            self._refresh()
        if isinstance(self._read, Frontier):
            return self._read
        assert self._read is not None  # noqa: S101 - it was just read
        raise self._read

    def _refresh(self) -> None:
        try:
            self._read = self.logs.read(self.on_number)
        except DamagedIndexError:
            self.logs.index.renew()
            self._read = self.logs.read(self.on_number)
        except (HostError, Timeout) as error:
            self._read = error

    def history(self, key: str) -> History:
        """Return all versions of a record, of all authors: none can be missing up to the frontier."""
        self.frontier()
        try:
            found = self.logs.index.entries(key)
        except DamagedIndexError:
            self.logs.index.renew()
            self._read = None
            self.frontier()
            found = self.logs.index.entries(key)
        return authored_history(found, self.logs.authors)

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Hold the pen on this host: two writers with one key would use the same numbers. Raise Refused after so long."""
        with waited(self.lock, seconds):
            yield

    def send_all(self, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]) -> list[Outcome]:
        """Send what needs sending, a block's worth at a time, until each is proven to be there.

        Raise Timeout when nothing more comes for so long: what came before is there, and the same call can be repeated.
        """
        done = {one.file: Outcome(one, one.before.current) for one in planned if not one.sends}
        waiting = {memo_of(one.key, value_of(one, self.writer)): one for one in planned if one.sends}
        until, strikes = time.monotonic() + timeout_seconds, 0
        while waiting:
            before = self._sequence()
            self._hand_in(list(waiting), before)
            self._wait_for_blocks(until)
            landed = self._landed(waiting)
            for memo, version in landed.items():
                one = waiting.pop(memo)
                after = self.history(one.key)
                done[one.file] = Outcome(one, version, overtaken(one.before, after, version.proven.hash))
                on_file()
            until = time.monotonic() + timeout_seconds if landed else until
            strikes = self._strikes(strikes, before, bool(landed))
        return [done[one.file] for one in planned]

    def _sequence(self) -> int:
        """Return how many transactions the account has had, as it is proven just now."""
        assert self.key is not None  # noqa: S101 - only a writer sends
        self._read = None
        found = self.frontier().accounts[self.key.address]
        if found is None:
            raise HostError("the chain knows no account of this key", where=self.key.address, hint=_NO_ACCOUNT)
        return found.sequence

    def _hand_in(self, memos: Sequence[str], sequence: int) -> None:
        assert self.key is not None  # noqa: S101 - only a writer sends
        account = self.frontier().accounts[self.key.address]
        assert account is not None  # noqa: S101 - its sequence was just read
        for place, memo in enumerate(memos[:_FLIGHT]):
            tx = signed_record(self.key, self.logs.chain, account.number, sequence + place, memo)
            if not self._taken(tx):
                return

    def _taken(self, tx: bytes) -> bool:
        """Hand one transaction to the node. Return False when it takes no more just now."""
        try:
            self.driver.broadcast(tx)
        except ApplicationRefused as error:
            # Others of this key are on their way: which, the next blocks show.
            if error.code == WRONG_SEQUENCE:
                return False
            raise
        except HostError as error:
            if _FULL in error.what:
                return False
            if _CACHED not in error.what:
                raise
        return True

    def _wait_for_blocks(self, until: float) -> None:
        wanted = self.driver.status().height + _BLOCKS
        while self.driver.status().height < wanted:
            if time.monotonic() > until:
                raise Timeout("no block took it in time", where=f"chain {self.logs.chain}", hint=_WAITING)
            time.sleep(_POLL_SECONDS)

    def _landed(self, waiting: dict[str, Planned]) -> dict[str, RecordVersion]:
        """Return which of those that wait are there now, proven, by their memos."""
        self._read = None
        found = {}
        for memo, one in waiting.items():
            own = (version for version in self.history(one.key).versions if self._is(version, memo, one.key))
            version = next(own, None)
            if version is not None:
                found[memo] = version
        return found

    def _is(self, version: RecordVersion, memo: str, key: str) -> bool:
        assert self._author is not None  # noqa: S101 - only a writer sends
        signed = version.signed
        return signed is not None and signed.key == self._author.key and memo_of(key, version.value) == memo

    def _strikes(self, strikes: int, before: int, landed: bool) -> int:
        """Count rounds that used up numbers and brought nothing. Raise HostError after some: it would go on for ever."""
        assert self.key is not None  # noqa: S101 - only a writer sends
        account = self.frontier().accounts[self.key.address]
        used = account is not None and account.sequence > before
        strikes = 0 if landed else strikes + used
        if strikes >= _STRIKES:
            raise HostError("the ledger takes these transactions and they come to nothing", where=self.key.address, hint=_FAILING)
        return strikes
