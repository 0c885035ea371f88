"""Records of authors on a ledger that knows them: all of them, read with nothing left out."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from nodeops.core.errors import HostError, Timeout
from nodeops.records.authored import Frontier, authored_history
from nodeops.records.away import says_away
from nodeops.records.index import DamagedIndexError
from nodeops.records.logs import AuthorLogs
from nodeops.records.statements import Stated, stated
from nodeops.records.versions import History

T = TypeVar("T")


class AuthorStore:
    """All records of all authors, through one node that need not be honest. `on_number` is told of each transaction read."""

    def __init__(self, logs: AuthorLogs, on_number: Callable[[], object] = lambda: None) -> None:
        self.logs, self.driver, self.on_number = logs, logs.driver, on_number
        self._read: Frontier | HostError | Timeout | None = None

    def frontier(self) -> Frontier:
        """Return up to where everything is known. It is read once, by a node that answers; raise as `AuthorLogs.read` does."""
        if self._read is None:
            try:
                self._read = self._healed(lambda: self.logs.read(self.on_number))
            except (HostError, Timeout) as error:
                if says_away(error):
                    raise
                self._read = error
        if isinstance(self._read, Frontier):
            return self._read
        raise self._read

    def again(self) -> Frontier:
        """Read what is new since, and return up to where everything is known now."""
        self._read = None
        return self.frontier()

    def history(self, key: str) -> History:
        """Return all versions of a record, of all authors: none can be missing up to the frontier."""
        return self._whole(lambda: authored_history(self.logs.index.entries(key), self.logs.authors))

    def newest_of(self, address: str, key: str, count: int) -> list[Stated]:
        """Return the newest `count` of what one author said under a key of a room above, in ledger order: none can be missing up
        to the frontier, however much others said there."""
        return self._whole(lambda: list(stated(reversed(self.logs.index.newest(key, address, (0, 0), count)), self.logs.authors)))

    def said_after(self, key: str, after: tuple[int, int]) -> Iterator[Stated]:
        """Yield what authors said under a key after a height and a place in its block, as far as it was read, in ledger order.

        Raise DamagedIndexError where what is kept is damaged: what came before is right.
        """
        return stated(self.logs.index.entries(key, after), self.logs.authors)

    def newest_said(self, key: str, after: tuple[int, int], count: int) -> list[Stated]:
        """Return the same without asking the node, at most the newest `count` of each author: some may be missing."""
        index = self.logs.index
        found = [one for address in self.logs.authors for one in index.newest(key, address, after, count)]
        return list(stated(sorted(found, key=lambda one: (one[0].height, one[0].place)), self.logs.authors))

    def _whole(self, read: Callable[[], T]) -> T:
        """Read from the index once it is whole; where it turns out to be damaged, from the chain anew."""
        self.frontier()
        try:
            return read()
        except DamagedIndexError:
            self.logs.index.renew()
            self.again()
            return read()

    def _healed(self, read: Callable[[], Frontier]) -> Frontier:
        """Read once more, from the chain alone, when what is kept of earlier reading is damaged."""
        try:
            return read()
        except DamagedIndexError:
            self.logs.index.renew()
            return read()
