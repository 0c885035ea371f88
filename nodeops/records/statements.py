"""What rooms above put on the ledger in the name of an author: any small JSON under a key of a space of their own. Pure.

On the chain it stands where a record does: a memo, on one coin that a key's account sends to itself. Its bytes are canonical, so
what one says and what all read is the same.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nodeops.core.digest import canonical
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cosmos.tx import read
from nodeops.records.authored import Entry, statement_of

# What a chain takes of a memo (x/auth of the Cosmos SDK, max_memo_characters; genesis leaves it at that).
MAX_MEMO_BYTES = 1024


@dataclass(frozen=True)
class Stated:
    """One statement in a proven block: whose it is, what it says, and where it stands.

    `time` is the block's in whole seconds since 1970, `hash` names the transaction. Author and place are proven, `body` is what
    anybody can write.
    """

    author: Author
    height: int
    place: int
    time: int
    hash: str
    body: Mapping[str, Any]


def statement_memo(key: str, body: Mapping[str, Any]) -> str:
    """Return the memo that says something under a key."""
    return canonical({"key": key, **body}).decode()


def stated(found: Iterable[tuple[Entry, ProvenBlock]], authors: Mapping[str, Author]) -> Iterator[Stated]:
    """Yield what authors said, in the order given: of those only whose key counted at that height. `authors` by address."""
    for entry, block in found:
        author = authors.get(entry.address)
        if author is None or entry.record is None or not author.counts_at(entry.height):
            continue
        said = statement_of(read(entry.record).memo)
        if said is not None:
            yield Stated(author, entry.height, entry.place, seconds_of(block.time), entry.hash, json.loads(said[1]))


def seconds_of(time: str) -> int:
    """Return the time of a block, as its header writes it, in whole seconds since 1970."""
    return int(datetime.fromisoformat(time).timestamp())
