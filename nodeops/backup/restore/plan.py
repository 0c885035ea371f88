"""Decide whether a validator's key may be used on this host, and above which signing state. Pure.

The chain is the witness: blocks that validators with more than 2/3 of the voting power signed, so whoever hands them over can
keep the newest back, which their times show, and cannot make any up. The key is used only when

1. the newest block is of now, and validators of two other organisations at least are among those who signed these blocks;
2. this validator's signature, also one for nil, is in none of the last SILENT_COMMITS commits;
3. nobody shows another block at any of these heights;
4. the old holder of the key is known to be stopped, or a person says in words why it is;
5. the new signing state is above everything that was ever seen: backup, this host's own, the chain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nodeops.core.errors import Refused

# Restarting a node, by hand too, takes seconds; a validator that lives signs nearly every block. CometBFT's own documentation
# names 10 for its double_sign_check_height.
SILENT_COMMITS = 20
OTHER_ORGANISATIONS = 2
# Clocks of members differ by less than that, or preflight has failed.
_SKEW_SECONDS = 30
_BLOCK_TIMES = 10
# The refusal that proves that somebody has the key in use.
ALIVE = "alive"
_WORDS = "say why in words: --because '...'; they are written into the book of receipts"
# By the verb, and by playbooks/restore.yml.
ANOTHER = "choose another backup by --snapshot ID, or -e restore_snapshot=ID of the playbook"
WITHOUT = "--snapshot none, or -e restore_snapshot=none of the playbook"


class Holder(StrEnum):
    """Where the key was until now: on this host and stopped, elsewhere as far as we know, or in use on this host."""

    HERE = "here"
    UNKNOWN = "unknown"
    RUNNING = "running"


class Remedy(StrEnum):
    """What may take a refusal away: time, words of a person, or nothing."""

    TIME = "time"
    WORDS = "words"
    NONE = "none"


@dataclass(frozen=True, order=True)
class Mark:
    """A signing state: nothing at or below it is signed again. Ordered as CometBFT orders it."""

    height: int
    round: int = 0
    step: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        return f"height {self.height}, round {self.round}, step {self.step}"


@dataclass(frozen=True)
class Block:
    """A proven block: `signers` are the organisations whose validators signed it, `own` tells whether this validator did.

    `round` is that of its commit, `seconds` its time since 1970.
    """

    height: int
    hash: str
    seconds: int
    round: int = 0
    signers: frozenset[str] = frozenset()
    own: bool = False


@dataclass(frozen=True)
class Told:
    """The newest blocks that one node shows, each proven; newest first, without gaps."""

    node: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Facts:
    """What was found. `now` is this host's clock in seconds since 1970, `began` the tip's height when the watch began.

    `backup` and `local` are signing states, None where there is none; `chain` is what this host's own keyless ledger has
    verified, `others` what other nodes showed besides.
    """

    organisation: str
    now: int
    block_seconds: float
    began: int
    chain: Told
    holder: Holder
    backup: Mark | None = None
    local: Mark | None = None
    others: Sequence[Told] = field(default_factory=tuple)

    @property
    def blocks(self) -> list[Block]:
        """Return every block that anyone showed."""
        return [block for told in (self.chain, *self.others) for block in told.blocks]

    @property
    def tip(self) -> int:
        """Return the height of the newest proven block, 0 without one."""
        return max((block.height for block in self.blocks), default=0)


@dataclass(frozen=True)
class Refusal:
    """A reason not to use the key, what takes it away, and what to do."""

    id: str
    why: str
    remedy: Remedy
    hint: str


@dataclass(frozen=True)
class Decision:
    """The signing state to write, and the refusals that words took away."""

    state: Mark
    overridden: tuple[str, ...]


def decide(facts: Facts, because: str) -> Decision:
    """Return what may be done. Raise Refused with every reason while any stands."""
    found = list(refusals(facts))
    standing = [one for one in found if one.remedy is not Remedy.WORDS or not because.strip()]
    if standing:
        raise Refused("; ".join(one.why for one in standing), where=standing[0].id, hint=standing[0].hint)
    return Decision(raised(facts), tuple(one.id for one in found))


def raised(facts: Facts) -> Mark:
    """Return the lowest signing state that is strictly above everything seen."""
    states = [state.height for state in (facts.backup, facts.local) if state]
    return Mark(max([facts.tip, *states]) + 1)


def refusals(facts: Facts) -> Iterator[Refusal]:
    """Yield every reason not to use the key, those that nothing takes away first."""
    found = [*_holder(facts), *_signatures(facts), *_disagreement(facts), *_tip(facts), *_window(facts), *_backup(facts)]
    order = list(reversed(Remedy))
    yield from sorted(found, key=lambda one: order.index(one.remedy))


def _holder(facts: Facts) -> Iterator[Refusal]:
    if facts.holder is Holder.RUNNING:
        yield Refusal(
            "holder", "this validator's key is in use on this host", Remedy.NONE, "nothing is to be restored while it runs"
        )
    if facts.holder is Holder.UNKNOWN:
        why = "nobody has shown that the old holder of the key is dead: it may be alive and cut off"
        yield Refusal("holder", why, Remedy.WORDS, f"look at the old machine, take its disk out or wipe it; then {_WORDS}")


def _signatures(facts: Facts) -> Iterator[Refusal]:
    last = max((block.height for block in facts.blocks if block.own), default=0)
    if last > facts.began:
        why = f"this validator signs now: its signature is in block {last}, made after this restore began"
        yield Refusal(ALIVE, why, Remedy.NONE, "its key is in use somewhere: find that node and stop it for good")
    elif last and facts.tip - last < SILENT_COMMITS:
        why = f"this validator signed block {last}, {facts.tip - last} blocks below the tip"
        yield Refusal("silence", why, Remedy.TIME, f"wait until {SILENT_COMMITS} commits are without it")


def _disagreement(facts: Facts) -> Iterator[Refusal]:
    known = {block.height: block.hash for block in facts.chain.blocks}
    for told in facts.others:
        wrong = [block.height for block in told.blocks if known.get(block.height, block.hash) != block.hash]
        if wrong:
            why = f"{told.node} proves another block {wrong[0]} than this host: the chain has split"
            yield Refusal("disagreement", why, Remedy.NONE, "a third of the voting power signed twice: stop, and call the others")


def _tip(facts: Facts) -> Iterator[Refusal]:
    newest = max(facts.blocks, key=lambda block: block.height, default=None)
    if newest is None:
        yield Refusal("tip", "no block is known", Remedy.TIME, "see whether other nodes are reached: nodeops ledger peers")
        return
    age, most = facts.now - newest.seconds, _SKEW_SECONDS + _BLOCK_TIMES * facts.block_seconds
    if not -_SKEW_SECONDS <= age <= most:
        said = f"is {age} s old" if age > 0 else f"is {-age} s in the future"
        why = f"the newest block that is known, {newest.height}, {said}: it is not the tip, or the chain stands still"
        yield Refusal("tip", why, Remedy.TIME, "see whether peers keep blocks back, whether the chain moves, whose clock is off")
    signers = {one for block in facts.blocks for one in block.signers} - {facts.organisation}
    if len(signers) < OTHER_ORGANISATIONS:
        why = f"validators of only {len(signers)} other organisations signed these blocks"
        yield Refusal("organisations", why, Remedy.WORDS, f"compare the tip with another member by telephone; then {_WORDS}")


def _window(facts: Facts) -> Iterator[Refusal]:
    """The last commits must all be there, and no signing state may be of blocks that nobody shows."""
    heights = {block.height for block in facts.blocks}
    wanted = set(range(max(1, facts.tip - SILENT_COMMITS + 1), facts.tip + 1))
    if missing := wanted - heights:
        why = f"the commit of block {max(missing)} was not shown: whether it holds this validator's signature is not known"
        yield Refusal("window", why, Remedy.TIME, "wait until this node has more blocks")
    # A validator may have voted on the block after the tip; never on a later one.
    for name, state in (("backup", facts.backup), ("this host", facts.local)):
        if state and facts.tip and state.height > facts.tip + 1:
            why = f"the signing state of {name} is at {state}, above the newest block that is known, {facts.tip}"
            hint = "this is not the tip of its chain: see which peers this node has"
            hint += f"; where members agree that it is, that backup is false: {ANOTHER}" if state is facts.backup else ""
            yield Refusal("ahead", why, Remedy.TIME, hint)


def _backup(facts: Facts) -> Iterator[Refusal]:
    if facts.backup is None and facts.local is None:
        why = "there is no signing state, neither in a backup nor on this host: the chain alone says what was signed"
        yield Refusal("state", why, Remedy.WORDS, f"restore a backup that has one: {ANOTHER}; or {_WORDS}")
