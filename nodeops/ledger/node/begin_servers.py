"""Ask members which block a ledger without blocks may begin from: each proves one by this host's genesis, none is believed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from nodeops.core.errors import HostError, InputError, NodeopsError
from nodeops.document.models import Member, NodeDocument
from nodeops.document.states_rules import LEAST_ORGANISATIONS
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cometbft.rpc import Rpc

_TWO = f"nodes of {LEAST_ORGANISATIONS} organisations"
_MOST_AT_ONCE = 8
WITHOUT = "or start it without: it fetches all blocks"


@dataclass(frozen=True)
class Told:
    """What a member proved: a block, or None and why not."""

    member: Member
    url: str
    block: ProvenBlock | None
    why: str = ""


def answering(document: NodeDocument) -> list[Member]:
    """Return the members that answer others. Raise InputError when they are not of two organisations."""
    found = [one for one in document.members if one.answers_members and one.name != document.node.name]
    if len({one.organisation for one in found}) < LEAST_ORGANISATIONS:
        names = ", ".join(one.name for one in found) or "nobody"
        hint = f"a revision with answers_members: true, and site.yml there; {WITHOUT}"
        text = f"{names} answers members, and that is not enough to begin with a state"
        raise InputError(text, where="consortium.yml", allowed=f"answers_members: true on {_TWO}", hint=hint)
    return found


def url_of(document: NodeDocument, member: Member) -> str:
    """Return where a member's RPC answers other members."""
    host = f"[{member.address}]" if ":" in member.address else member.address
    return f"http://{host}:{document.ledger.ports['rpc'].port}"


def ask(document: NodeDocument, members: Sequence[Member], height: int | None = None) -> list[Told]:
    """Ask members, at once, to prove the block of a height, or the newest that all have signed.

    Raise HostError when this host has no genesis.
    """
    with ThreadPoolExecutor(max(1, min(_MOST_AT_ONCE, len(members)))) as pool:
        return list(pool.map(lambda one: _ask(document, one, height), members))


def _ask(document: NodeDocument, member: Member, height: int | None) -> Told:
    url = url_of(document, member)
    driver = CometBft(Rpc(url), document.ledger.chain)
    follower = open_follower(document, driver)
    try:
        # Of the newest one not all signatures may have arrived.
        return Told(member, url, follower.block(height or max(driver.status().height - 1, follower.genesis.first_height)))
    except NodeopsError as error:
        return Told(member, url, None, error.what)


def agreed(told: Sequence[Told], wanted: str) -> list[Told]:
    """Return those who proved a block, another organisation first. Raise HostError when they are not of two organisations.

    `wanted` says in words what they were asked for.
    """
    found = [one for one in told if one.block]
    if len({one.member.organisation for one in found}) < LEAST_ORGANISATIONS:
        why = "; ".join(f"{one.member.name}: {one.why or 'proved it'}" for one in told)
        hint = f"see why these do not answer this host (nodeops firewall explain there, nodeops status); {WITHOUT}"
        raise HostError(f"not proven by {_TWO}: {why}", where=wanted, hint=hint)
    return _alternating(found)


def same(told: Sequence[Told]) -> ProvenBlock:
    """Return the one block that all of them proved. Raise HostError when they proved different ones of a height."""
    blocks = {one.block.hash: one.block for one in told if one.block}
    if len(blocks) > 1:
        shown = "; ".join(f"{one.member.name}: {one.block.hash}" for one in told if one.block)
        raise HostError(f"the chain has split, two blocks of a height are signed: {shown}", hint="stop, and call the others")
    return next(iter(blocks.values()))


def _alternating(found: Sequence[Told]) -> list[Told]:
    """Return them so that the first ones are of different organisations: those check each other."""
    seen: dict[str, int] = {}
    place = []
    for one in found:
        place.append(seen.get(one.member.organisation, 0))
        seen[one.member.organisation] = place[-1] + 1
    return [one for _, one in sorted(zip(place, found, strict=True), key=lambda pair: pair[0])]
