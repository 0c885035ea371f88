"""Records as transactions that their authors sign: what one says, and what a block holds of each author. Pure.

A record is one coin from a key's account to itself, signed by that key alone, with the record's canonical JSON as its memo.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from nodeops.core.digest import canonical
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.contents import Included
from nodeops.ledger.cometbft.proof import ProofError, ProvenBlock
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.messages import Packed, self_send
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import Signer, Transaction, read, sign, signed_by
from nodeops.records.versions import RECORD_SPACE, Forged, History, RecordValue, RecordVersion, Signed, is_ledger_key

# Of what does not count, so many are kept and shown: anybody with an account can write it without end.
_MOST_FORGED = 3
# What a record of the longest key uses, with room to spare (55000 for a usual one, measured).
GAS = 100_000


def memo_of(key: str, value: RecordValue) -> str:
    """Return the memo of a record. With the longest key it has some 700 bytes; a chain takes 1024."""
    return canonical({"key": key, **value.model_dump(exclude_none=True)}).decode()


def record_of(memo: str) -> tuple[str, RecordValue] | None:
    """Return key and value of a memo, None when it is no record, or is written in another way than `memo_of` does."""
    try:
        found: Any = json.loads(memo)
        key = found.pop("key")
        value = RecordValue.model_validate(found)
    except (ValueError, ValidationError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return (key, value) if isinstance(key, str) and is_ledger_key(key) and memo_of(key, value) == memo else None


def statement_of(memo: str) -> tuple[str, str] | None:
    """Return the key of what a memo says in another space than that of records, and the rest of it as JSON; None when it says
    nothing there, or in another way than canonical."""
    try:
        found: Any = json.loads(memo)
        key = found.pop("key")
        same = canonical({**found, "key": key}) == memo.encode()
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    named = isinstance(key, str) and is_ledger_key(key) and not key.startswith(f"{RECORD_SPACE}/")
    return (key, canonical(found).decode()) if same and named else None


def key_of(memo: str) -> str | None:
    """Return the key under which a memo says something: a record's, or that of a statement of a room above."""
    found = record_of(memo) or statement_of(memo)
    return found[0] if found else None


def signed_record(key: SigningKey, chain: str, number: int, sequence: int, memo: str) -> bytes:
    """Return the transaction of a record. The same arguments make the same bytes, so sending it twice does no harm."""
    return sign([self_send(key.address)], [Signer(key, number, sequence)], chain, memo, gas=GAS)


@dataclass(frozen=True)
class Entry:
    """An accepted transaction of an account: its number among all of the account's, where it stands, and its bytes where it is a
    record, or says something else under a key."""

    address: str
    number: int
    height: int
    place: int
    hash: str
    record: bytes | None


def entries(contents: Sequence[Included], height: int, chain: str, accounts: Mapping[str, int]) -> Iterator[Entry]:
    """Yield what a block holds of each account: one entry for every number that an accepted transaction used up.

    `accounts` are the proven numbers of the accounts of known keys, by address: their signatures are checked here too. What
    strangers wrote counts for nobody; it is shown, when it says that it is a record, to whoever asks for its key. Of what rooms
    above keep in spaces of their own, nothing of theirs is.
    """
    for one in contents:
        try:
            found = read(one.tx) if one.code == 0 else None
        except FormError:
            continue
        if found is None:
            continue
        record = one.tx if _carried(found) is not None else None
        for signer in found.signers:
            known = signer.address in accounts
            signed = known and signed_by(found, signer, chain, accounts[signer.address])
            if signed or (record and not known and record_of(found.memo)):
                yield Entry(signer.address, signer.sequence, height, one.place, one.hash, record)


def _carried(found: Transaction) -> str | None:
    """Return the key under which a transaction says something, None when it does not."""
    if len(found.signers) != 1:
        return None
    own: tuple[Packed, ...] = (self_send(found.signers[0].address),)
    return key_of(found.memo) if found.messages == own else None


class GapError(ProofError):
    """An author has a transaction of a number that this node does not show."""


class Account(Protocol):
    """An account whose state is proven: its number for good, and how many transactions it has had."""

    @property
    def number(self) -> int:
        """What a signature covers."""

    @property
    def sequence(self) -> int:
        """The number that its next transaction has."""


@dataclass(frozen=True)
class Frontier:
    """Up to where everything is known: a height, the time of its block, and each author's account there, None for none."""

    height: int
    time: str
    accounts: Mapping[str, Account | None]


@dataclass(frozen=True)
class Placed:
    """A transaction that stands in a proven block."""

    hash: str
    block: ProvenBlock


def authored_history(found: Iterable[tuple[Entry, ProvenBlock]], authors: Mapping[str, Author]) -> History:
    """Return the history of a record from all that says it is a version, in ledger order. `authors` are known, by address.

    Who signs the same once more adds nothing: a revision names what it revises, so no two versions of an author are alike.
    """
    versions: dict[tuple[str, RecordValue], RecordVersion] = {}
    forged: list[Forged] = []
    more = 0
    for entry, block in found:
        said = record_of(read(entry.record).memo) if entry.record is not None else None
        if said is None:
            continue
        author = authors.get(entry.address)
        why = objection(entry, said[1], author)
        if (why or author is None) and len(forged) >= _MOST_FORGED:
            more += 1
        elif why or author is None:
            forged.append(Forged(entry.hash, entry.height, why))
        else:
            version = RecordVersion(said[1], Placed(entry.hash, block), Signed(author.key, entry.number))
            versions.setdefault((entry.address, said[1]), version)
    return History(list(versions.values()), forged=forged, whole=True, more_forged=more)


def objection(entry: Entry, value: RecordValue, author: Author | None) -> str:
    """Return why a record does not count, "" when it does. `author` is whose key signed it, None for a stranger's."""
    if author is None:
        return f"is signed by {entry.address}, which no member of the consortium knows"
    owner = f"{author.name} ({author.organisation})"
    if (value.organisation, value.node) != (author.organisation, author.name):
        return f"says that it is by {value.node} ({value.organisation}); the key that signed it is of {owner}"
    if not author.counts_at(entry.height):
        return f"is signed by the key of {owner}, which counted up to height {author.until}"
    return ""
