"""Write records in the name of one key, each with a number of its own.

Sending survives whatever happens in between. A record is signed again for the same number, with the same bytes, until the
account's proven count has passed that number; so a run that was killed, a node that was restarted, or a block that came in the
middle leads neither to a record twice nor to one that is lost.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.host.lock import waited
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.authors import Author
from nodeops.ledger.cosmos.account import JUST_STARTED, WRONG_SEQUENCE, send
from nodeops.ledger.cosmos.messages import Coin, Send, pack
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.records.add import value_of
from nodeops.records.author_store import AuthorStore
from nodeops.records.authored import GAS, Account, Frontier, memo_of, signed_record
from nodeops.records.away import patient
from nodeops.records.left_out import LeftOut, left_out
from nodeops.records.passes import PassesFile
from nodeops.records.planned import Outcome, Planned, Writer, overtaken
from nodeops.records.statements import Stated, statement_memo
from nodeops.records.versions import RecordVersion

T = TypeVar("T")

# In flight at once: half of what a block takes of records by its limit of gas, so that others find room.
_FLIGHT = 250
# A transaction that is handed in while a block is made is in the next one, or was dropped.
_BLOCKS = 2
_POLL_SECONDS = 0.25
# What was handed in a moment ago is among the newest, also of who says much at once.
_MOST_SAID = 2000
# A coin is enough: it is sent to oneself and never gone. A few more outlast a mistake.
_GIFT = 5
# So many times numbers may be used up and bring nothing: by somebody else with the same key, say.
_STRIKES = 5
# A number that others of this key, on their way or just taken, have already: the next blocks show which. And ErrUnauthorized
# (types/errors/errors.go of cosmos-sdk): until its first block after a start, a node takes every account for number 0.
_FOR_NOW = (WRONG_SEQUENCE, JUST_STARTED)
# mempool/errors.go of CometBFT: the node has it already, or takes no more just now.
_CACHED, _FULL = "already exists in cache", "mempool is full"
_UNKNOWN = "use this node's own key, or have this one written into consortium.yml: record_keys of its organisation; then site.yml"
_NO_ACCOUNT = "it came after the chain was founded: any node gives it one, nodeops record account NAME"
_FAILING = "an account without a coin cannot send itself one: nodeops record authors; or somebody else writes with the same key"
_WAITING = "it may still be committed: run the same again, which is safe; if blocks stopped, nodeops status says why"


class AuthorPen:
    """The key of one author on the records of all. Raise InputError for a key that no member knows, or that counts no longer."""

    def __init__(self, store: AuthorStore, key: SigningKey, folder: Path) -> None:
        self.store, self.key, self.folder, self.driver = store, key, folder, store.driver
        self.author, self.refusal = self._author(), ""
        self.passes = PassesFile(folder, store.logs.index.genesis)
        # Of what waits, by memo: the first block that could have held it.
        self.open: dict[str, int] = {}

    def _author(self) -> Author:
        found = self.store.logs.authors.get(self.key.address)
        if found is not None and found.until is None:
            return found
        what = "no member knows this key" if found is None else f"this key counted up to height {found.until}"
        raise InputError(what, where=self.key.address, allowed="keys of nodes, and record_keys of consortium.yml", hint=_UNKNOWN)

    @property
    def writer(self) -> Writer:
        """Return in whose name the key writes."""
        return Writer(self.author.organisation, self.author.name)

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Hold the pen on this host: two runs would use the same numbers. Raise Refused when another has it for so long."""
        with waited(self.folder, seconds):
            yield

    def send_all(self, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]) -> list[Outcome]:
        """Send what needs sending, a block's worth at a time, until each is proven to be there.

        Raise Timeout when nothing more comes for so long: what came before is there, and the same call can be repeated.
        """
        done = {one.file: Outcome(one, one.before.current) for one in planned if not one.sends}
        waiting = {memo_of(one.key, value_of(one, self.writer)): one for one in planned if one.sends}
        landed = self._until_landed(waiting, lambda left: self._landed({memo: waiting[memo] for memo in left}), timeout_seconds)
        for memo, version in landed:
            one = waiting[memo]
            done[one.file] = patient(time.monotonic() + timeout_seconds)(self._outcome, one, version)
            patient(time.monotonic() + timeout_seconds)(self._note, memo, version.proven.block.height)
            on_file()
        return [done[one.file] for one in planned]

    def state(self, key: str, memo: str, timeout_seconds: float) -> Stated:
        """Say something under a key of a room above, and return it where it stands. Two memos that are alike are one, as long as
        the first is among the newest 2000.

        Raise as `send_all` does.
        """
        return next(self._until_landed([memo], lambda left: self._said(key, left), timeout_seconds))[1]

    def _said(self, key: str, memos: Collection[str]) -> dict[str, Stated]:
        own = self.store.newest_of(self.key.address, key, _MOST_SAID)
        return {memo: one for one in own if (memo := statement_memo(key, one.body)) in memos}

    def _until_landed(
        self, memos: Iterable[str], landed: Callable[[Collection[str]], Mapping[str, T]], timeout_seconds: float
    ) -> Iterator[tuple[str, T]]:
        """Send memos, a block's worth at a time, and yield each with what `landed` finds of those that are left."""
        waiting = dict.fromkeys(memos)
        until, strikes = time.monotonic() + timeout_seconds, 0
        frontier = patient(until)(self.store.frontier)
        while waiting:
            before, frontier = frontier, patient(until)(self._after_a_round, list(waiting)[:_FLIGHT], frontier, until)
            found = patient(until)(landed, waiting)
            for memo, value in found.items():
                del waiting[memo]
                yield memo, value
            until = self._extended(until, timeout_seconds, bool(found))
            strikes = 0 if found else strikes + self._passed(before, frontier)
            if strikes >= _STRIKES:
                raise HostError("the ledger takes these records and they come to nothing", where=self.key.address, hint=_FAILING)

    def _extended(self, until: float, seconds: float, landed: bool) -> float:
        """Return until when there is patience now. Raise Timeout when there was for long enough, and nothing came."""
        if landed:
            return time.monotonic() + seconds
        if time.monotonic() > until:
            text = f"nothing was taken for {seconds:g} seconds; the node said: {self.refusal or 'nothing'}"
            raise Timeout(text, where=f"chain {self.store.logs.chain}", hint=_WAITING)
        return until

    def _after_a_round(self, memos: Sequence[str], frontier: Frontier, until: float) -> Frontier:
        """Hand in records, wait for blocks, and return what is known then."""
        self._hand_in(memos, self._account(frontier))
        self._wait_for_blocks(until)
        return self.store.again()

    def give(self, address: str, until: float) -> None:
        """Give an address coins, so that it is an account, and wait until that is proven; `until` as `time.monotonic` says.

        Raise HostError when this account has too few, Timeout when no block takes it.
        """
        gift = pack(Send(self.key.address, address, (Coin(amount=str(_GIFT)),)))
        sent = send(self.driver, self.store.logs.chain, self.key, [gift], gas=GAS, timeout_seconds=until - time.monotonic())
        if sent.code:
            raise HostError(f"the ledger refuses it: {sent.log}", where=self.key.address, hint="run it on another node")
        while self.store.again().accounts[address] is None:
            self._wait_for_blocks(until)

    def _account(self, frontier: Frontier) -> Account:
        found = frontier.accounts[self.key.address]
        if found is None:
            raise HostError("the chain knows no account of this key", where=self.key.address, hint=_NO_ACCOUNT)
        return found

    def _passed(self, before: Frontier, after: Frontier) -> bool:
        return self._account(after).sequence > self._account(before).sequence

    def _hand_in(self, memos: Sequence[str], account: Account) -> None:
        for sequence, memo in enumerate(memos, account.sequence):
            if not self._taken(signed_record(self.key, self.store.logs.chain, account.number, sequence, memo)):
                return
            # Those behind the first are in no block before it, and may find it full.
            if sequence == account.sequence and memo not in self.open:
                self.open[memo] = self.driver.open_height()

    def _note(self, memo: str, height: int) -> None:
        """Keep who proposed the first block that could have held a record, and whether that is the block which does."""
        first = self.open.pop(memo, height + 1)
        if first <= height:
            block = self.driver.commits(first, first)[0]
            if self.store.logs.block(first).hash == block.hash:
                self.passes.note(self.key.address, block.proposer, first == height)

    def left_out(self) -> list[LeftOut]:
        """Return the validators whose blocks leave out what this author hands in on this host."""
        return left_out(self.passes.of(self.key.address))

    def _taken(self, tx: bytes) -> bool:
        """Hand one transaction to the node. Return False when it takes no more just now."""
        try:
            self.driver.broadcast(tx)
        except ApplicationRefused as error:
            if error.code in _FOR_NOW:
                self.refusal = error.what
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
                raise Timeout("no block took it in time", where=f"chain {self.store.logs.chain}", hint=_WAITING)
            time.sleep(_POLL_SECONDS)

    def _landed(self, waiting: Mapping[str, Planned]) -> dict[str, RecordVersion]:
        """Return which of those that wait are there now, proven, by their memos."""
        found = {}
        for memo, one in waiting.items():
            for version in self.store.history(one.key).versions:
                if version.signed and version.signed.key == self.author.key and memo_of(one.key, version.value) == memo:
                    found[memo] = version
        return found

    def _outcome(self, planned: Planned, version: RecordVersion) -> Outcome:
        after = self.store.history(planned.key)
        return Outcome(planned, version, overtaken(planned.before, after, version.proven.hash))
