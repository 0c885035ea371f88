"""What this host verified of authors' transactions, so that each is fetched once: a cache, never more trusted than the genesis.

One SQLite file below the agent's state, for root alone. It belongs to one genesis; that of another one, or a damaged one, is made
anew. A block goes in as a whole or not at all, so a verification that was killed goes on where it was.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any

from nodeops.core.digest import sha256
from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cosmos.tx import read
from nodeops.records.authored import Entry, key_of

_FILE = "index.sqlite"
# A file of another layout is made anew.
_LAYOUT = "3"
_BUSY_SECONDS = 30.0
_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE blocks (height INTEGER PRIMARY KEY, shown TEXT NOT NULL)",
    "CREATE TABLE numbers (address TEXT NOT NULL, number INTEGER NOT NULL, known INTEGER NOT NULL, height INTEGER NOT NULL,"
    " place INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT, record BLOB, PRIMARY KEY (address, number, hash)) WITHOUT ROWID",
    "CREATE INDEX by_key ON numbers (key, height, place) WHERE key IS NOT NULL",
)
_ENTRIES = (
    "SELECT address, number, numbers.height, place, hash, record, shown FROM numbers JOIN blocks"
    " ON blocks.height = numbers.height"
)


class DamagedIndexError(HostError):
    """What is kept cannot be read, or is not what was put in. It can be made anew."""


class Index:
    """Verified transactions of authors. `genesis` is what names the genesis that everything in it was verified with."""

    def __init__(self, folder: Path, genesis: str) -> None:
        self.file, self.genesis = folder / _FILE, genesis
        self._meta = {"genesis": genesis, "layout": _LAYOUT}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._base = self._opened()
        except OSError as error:
            raise HostError(f"cannot be used: {error.strerror}", where=str(folder), hint="run as root") from error
        except DamagedIndexError:
            self.renew()

    def renew(self) -> None:
        """Begin anew: what is in it is verified again when it is needed."""
        if hasattr(self, "_base"):
            self._base.close()
        for suffix in ("", "-journal"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        self._base = self._opened()

    def _opened(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.file, timeout=_BUSY_SECONDS, isolation_level=None)
        self.file.chmod(0o600)
        with self._read_or_damaged():
            self._made(base)
            if dict(base.execute("SELECT name, value FROM meta")) != self._meta:
                base.close()
                raise DamagedIndexError("is of another genesis or layout", where=str(self.file))
        return base

    def _made(self, base: sqlite3.Connection) -> None:
        """Make the tables where there are none, by one process alone."""
        with base:
            base.execute("BEGIN IMMEDIATE")
            if not base.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in _TABLES:
                    base.execute(statement)
                base.executemany("INSERT INTO meta VALUES (?, ?)", self._meta.items())

    @contextmanager
    def _read_or_damaged(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            text, hint = str(error), "run again; if it stays, remove the file: it is a cache"
            raise HostError(f"cannot be used: {text}", where=str(self.file), hint=hint) from error
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            raise DamagedIndexError(f"is damaged: {error}", where=str(self.file)) from error

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def missing(self, address: str, count: int) -> Iterator[int]:
        """Return which of the first `count` numbers of an account are not here yet. Only where each gap is, is kept of them."""
        asked = "FROM numbers WHERE address = ? AND number < ? AND known"
        with self._read_or_damaged():
            held, last = self._base.execute(f"SELECT COUNT(DISTINCT number), MAX(number) {asked}", (address, count)).fetchone()
            if held == (-1 if last is None else last) + 1:
                return iter(range(held, count))
            rows = self._base.execute(f"SELECT DISTINCT number {asked} ORDER BY number", (address, count))
            return chain.from_iterable(list(_gaps((number for (number,) in rows), count)))

    def held(self, address: str, count: int) -> int:
        """Return how many of the first `count` numbers of an account are here."""
        with self._read_or_damaged():
            asked = "SELECT COUNT(DISTINCT number) FROM numbers WHERE address = ? AND number < ? AND known"
            return int(self._base.execute(asked, (address, count)).fetchone()[0])

    def has(self, address: str, number: int) -> bool:
        """Tell whether the transaction of a number is here."""
        with self._read_or_damaged():
            asked = "SELECT 1 FROM numbers WHERE address = ? AND number = ? AND known"
            return self._base.execute(asked, (address, number)).fetchone() is not None

    def height_before(self, address: str, number: int) -> int:
        """Return the height of the newest transaction of an account that is here and comes before a number, 0 for none."""
        with self._read_or_damaged():
            asked = "SELECT MAX(height) FROM numbers WHERE address = ? AND known AND number < ?"
            return int(self._base.execute(asked, (address, number)).fetchone()[0] or 0)

    def accepted_around(self, address: str, number: int) -> tuple[int | None, int | None]:
        """Return the heights of the nearest accepted transactions of an account that are here below and above a number."""
        asked = (
            "SELECT (SELECT MAX(height) FROM numbers WHERE address = ?1 AND known AND hash != '' AND number < ?2),"
            " (SELECT MIN(height) FROM numbers WHERE address = ?1 AND known AND hash != '' AND number > ?2)"
        )
        with self._read_or_damaged():
            below, above = self._base.execute(asked, (address, number)).fetchone()
            return below, above

    def put(self, block: ProvenBlock, entries: Iterable[Entry], known: Iterable[str]) -> None:
        """Keep a block and what was verified in it, all or nothing. `known` are the addresses of which every number counts."""
        shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in vars(block).items()}
        addresses = set(known)
        with self._read_or_damaged(), self._base as base:
            base.execute("BEGIN IMMEDIATE")
            base.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?)", (block.height, json.dumps(shown)))
            for one in entries:
                key = key_of(read(one.record).memo) if one.record is not None else None
                row = (one.address, one.number, one.address in addresses, one.height, one.place, one.hash)
                base.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, key, one.record))

    def drop_unchecked(self, authors: Iterable[str]) -> None:
        """Forget what authors wrote while they were strangers: their signatures were not checked then. It is read again."""
        with self._read_or_damaged():
            self._base.executemany("DELETE FROM numbers WHERE address = ? AND NOT known", [(one,) for one in authors])

    def entries(self, key: str, after: tuple[int, int] = (0, 0)) -> Iterator[tuple[Entry, ProvenBlock]]:
        """Yield what says that it is something under a key, in ledger order, each with its block; what comes after a height and a
        place in its block, where they are given."""
        with self._read_or_damaged():
            asked = f"{_ENTRIES} WHERE key = ? AND (numbers.height, place) > (?, ?) ORDER BY numbers.height, place"
            yield from map(self._entry, self._base.execute(asked, (key, *after)))

    def newest(self, key: str, address: str, after: tuple[int, int], count: int) -> list[tuple[Entry, ProvenBlock]]:
        """Return the newest `count` of what an account says under a key after a height and a place, the newest first."""
        with self._read_or_damaged():
            # The plus keeps SQLite from going through what others said under the key.
            own = f"{_ENTRIES} WHERE address = ? AND +key = ? AND (numbers.height, place) > (?, ?)"
            asked = f"{own} ORDER BY number DESC LIMIT ?"
            return list(map(self._entry, self._base.execute(asked, (address, key, *after, count))))

    def _entry(self, row: tuple[Any, ...]) -> tuple[Entry, ProvenBlock]:
        address, number, height, place, tx_hash, record, shown = row
        if sha256(record).upper() != tx_hash:
            raise DamagedIndexError(f"is damaged: {tx_hash} is not what was kept", where=str(self.file))
        return Entry(address, number, height, place, tx_hash, record), _block(json.loads(shown))


def _gaps(held: Iterable[int], count: int) -> Iterator[range]:
    """Yield what lies between numbers that rise, and above them up to `count`."""
    following = 0
    for number in held:
        if number > following:
            yield range(following, number)
        following = number + 1
    yield range(following, count)


def _block(shown: dict[str, Any]) -> ProvenBlock:
    plain: dict[str, Any] = {
        one.name: bytes.fromhex(shown[one.name]) if one.type is bytes else shown[one.name] for one in fields(ProvenBlock)
    }
    return ProvenBlock(**{**plain, "signers": tuple(plain["signers"])})
