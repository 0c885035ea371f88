"""Which validator's blocks leave out an author's records, by the blocks that could have held one first. Pure.

No block by itself says so: a record that is handed in while a block is made is in the next one, and a full block holds no more.
So of each record one block counts: the first whose making had not begun on this host's node when it took the record. A validator
is named when each of its newest such blocks left a record out, while those of others held nearly all. Who comes second is not
compared with who came first: it had longer to get the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Of others one block in four may be late or full; a validator like them is then named once in a million (1/4 to the tenth).
NEWEST, _HELD_OF_FOUR = 10, 3
# Of each validator whether its newest blocks that count held a record, 1, or left it out, 0; the newest last.
Passes = Mapping[str, str]


@dataclass(frozen=True)
class LeftOut:
    """A validator whose `blocks` newest blocks that count left a record out; of others `held` of `of` held it."""

    proposer: str
    blocks: int
    held: int
    of: int


def noted(passes: Passes, proposer: str, held: bool) -> dict[str, str]:
    """Return what is known with one block more that counts: who proposed it, and whether it held the record."""
    return {**passes, proposer: (passes.get(proposer, "") + str(int(held)))[-NEWEST:]}


def left_out(passes: Passes) -> list[LeftOut]:
    """Return the validators whose blocks leave an author out; none when too little is known, or others leave it out too.

    More must hold its records than leave them out: a node that hands on nothing is alone with what its own validator holds.
    """
    named = sorted(who for who, blocks in passes.items() if blocks == "0" * NEWEST)
    others = [blocks for who, blocks in passes.items() if who not in named]
    of, held = len("".join(others)), "".join(others).count("1")
    if of < NEWEST or not _mostly(held, of) or sum(_mostly(one.count("1"), len(one)) for one in others) <= len(named):
        return []
    return [LeftOut(who, NEWEST, held, of) for who in named]


def _mostly(held: int, of: int) -> bool:
    return 4 * held >= _HELD_OF_FOUR * of
