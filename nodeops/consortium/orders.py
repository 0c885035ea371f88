"""The messages that a revision makes the policy send, and what messages that somebody proposed would do. Pure.

Whoever reads a proposal makes the same messages from the same two files and the same chain, and compares. So a proposer's words
count for nothing, and a message that no effect of the file asks for is seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nodeops.consortium.effects import Effect, effects
from nodeops.core.errors import Refused
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.address import account_address, policy_address
from nodeops.ledger.cosmos.app_state import COINS_PER_POWER, DUST, VOTING_SECONDS
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.messages import (
    Coin,
    Delegate,
    Member,
    Moment,
    Packed,
    ScheduleUpgrade,
    Send,
    Threshold,
    Undelegate,
    UpdateMembers,
    UpdatePolicy,
    UpdatePolicyMetadata,
    Windows,
    pack,
    schedule_upgrade,
    unpack,
    update_members,
)
from nodeops.ledger.cosmos.revision import mark_of, read_mark


@dataclass(frozen=True)
class Registered:
    """A validator as the chain has it: its operator's address, its voting power, and whether it is shut out for good.

    `address` is the one by which it signs blocks (hex), empty for a key of another kind.
    """

    operator: str
    power: int
    jailed: bool = False
    address: str = ""


@dataclass(frozen=True)
class Ground:
    """What both sides of a proposal need of the chain: its validators by node, and the height of an upgrade, if there is one."""

    validators: Mapping[str, Registered]
    upgrade_height: int | None = None


def orders(old: Consortium, new: Consortium, ground: Ground) -> tuple[Packed, ...]:
    """Return the policy's messages, the last of which names the revision.

    Raise Refused when the chain is not what the old file says, or a newcomer is not on it yet.
    """
    found = [message for one in effects(old, new) for message in _orders(one, new, ground)]
    return (*found, pack(UpdatePolicyMetadata(policy_address(), policy_address(), mark_of(new).text())))


def _orders(one: Effect, new: Consortium, ground: Ground) -> Iterator[Packed]:
    if one.kind in ("validator in", "validator out", "power"):
        yield _power(one.subject, new, ground)
    elif one.kind == "organisation in":
        yield from _joins(one.subject, one.after)
    elif one.kind == "organisation out":
        yield update_members((_gone(one.before),))
    elif one.kind == "account":
        yield from _joins(one.subject, one.after)
        yield update_members((_gone(one.before),))
    elif one.kind == "threshold":
        yield _decision(int(one.after))
    elif one.kind == "upgrade":
        if not ground.upgrade_height:
            raise Refused("an upgrade needs a height", where="--upgrade-height", hint="some hours ahead: all nodes stop there")
        yield schedule_upgrade(one.after, ground.upgrade_height)


def _power(node: str, new: Consortium, ground: Ground) -> Packed:
    known = ground.validators.get(node)
    if known is None:
        hint = f"its organisation runs: nodeops consortium enlist {node} --key ITS_ACCOUNT.pem"
        raise Refused(f"{node} is not on the chain yet, so nothing can be lent to it", where=node, hint=hint)
    entry = new.nodes.get(node)
    more = (entry.voting_power if entry else 0) - known.power
    # Power is taken from it all the same: who signed twice, or shut itself out, must not be safe from that.
    if known.jailed and more > 0:
        hint = "it signed twice: give the node a new identity, under another name"
        raise Refused(f"{node} is shut out of the chain for good", where=node, hint=hint)
    amount = Coin(amount=str(abs(more) * COINS_PER_POWER))
    return pack((Delegate if more > 0 else Undelegate)(policy_address(), known.operator, amount))


def _joins(name: str, key: str) -> Iterator[Packed]:
    """Yield what makes an account, with coins for its transactions, and lets it vote."""
    address = account_address(key)
    yield pack(Send(policy_address(), address, (Coin(amount=str(DUST)),)))
    yield update_members((Member(address, "1", name),))


def _gone(key: str) -> Member:
    return Member(account_address(key), "0")


def _decision(count: int) -> Packed:
    windows = Windows(Moment(VOTING_SECONDS), Moment())
    return pack(UpdatePolicy(policy_address(), policy_address(), pack(Threshold(str(count), windows))))


def contradictions(old: Consortium, ground: Ground) -> list[str]:
    """Return where the chain's power is not what the file in force says."""
    powers = {name: node.voting_power for name, node in old.nodes.items()}
    found = {name: one.power for name, one in ground.validators.items()}
    names = sorted({name for name in {*powers, *found} if powers.get(name, 0) != found.get(name, 0)})
    return [f"{name} has power {found.get(name, 0)} on the chain, {powers.get(name, 0)} in the file" for name in names]


@dataclass(frozen=True)
class Names:
    """Who is meant by an address: nodes by their operator, organisations by their account."""

    operators: Mapping[str, str]
    accounts: Mapping[str, str]

    def operator(self, address: str) -> str:
        """Return the node of an operator, or the address itself, marked as unknown."""
        return self.operators.get(address, f"UNKNOWN VALIDATOR {address}")

    def account(self, address: str) -> str:
        """Return the organisation of an account, or the address itself, marked as unknown."""
        if address == policy_address():
            return "the policy"
        return self.accounts.get(address, f"UNKNOWN ACCOUNT {address}")


def in_words(messages: Sequence[Packed], names: Names) -> list[str]:
    """Return what messages would do, a line each, whoever wrote them and whatever they are."""
    return [_in_words(one, names) for one in messages]


def _in_words(packed: Packed, names: Names) -> str:
    try:
        found = unpack(packed)
    except FormError as error:
        return f"UNKNOWN: {packed.url}, {len(packed.value)} bytes ({error})"
    match found:
        case Delegate():
            return f"{names.account(found.delegator)} gives {names.operator(found.validator)} {_power_of(found.amount)}"
        case Undelegate():
            return f"{names.account(found.delegator)} takes {_power_of(found.amount)} from {names.operator(found.validator)}"
        case Send():
            amount = ", ".join(f"{one.amount} {one.denomination}" for one in found.amount)
            return f"{names.account(found.sender)} sends {names.account(found.receiver)} {amount}"
        case UpdateMembers():
            return "; ".join(_member(one, names) for one in found.members) or "UNKNOWN: an update of no members"
        case UpdatePolicyMetadata():
            mark = read_mark(found.text)
            return f"in force is {mark}" if mark else f"in force is UNKNOWN TEXT {found.text[:200]!r}"
        case UpdatePolicy():
            return _threshold(found)
        case ScheduleUpgrade():
            more = f", and is told {found.plan.info!r}" if found.plan.info else ""
            return f"every node stops at height {found.plan.height} until its program knows {found.plan.name!r}{more}"
    return f"UNKNOWN: {packed.url} is no order of a revision"


def _power_of(coin: Coin) -> str:
    amount = int(coin.amount) if coin.amount.isdecimal() else 0
    if coin.denomination != Coin().denomination or not amount or amount % COINS_PER_POWER:
        return f"UNKNOWN AMOUNT {coin.amount} {coin.denomination}"
    return f"power {amount // COINS_PER_POWER}"


def _member(member: Member, names: Names) -> str:
    who = names.account(member.address)
    if member.weight == "0":
        return f"{who} is out"
    return f"{who} is in, with {member.weight} vote" + ("s" if member.weight != "1" else "")


def _threshold(found: UpdatePolicy) -> str:
    try:
        decision = unpack(found.decision) if found.decision else None
    except FormError:
        decision = None
    if not isinstance(decision, Threshold):
        return "UNKNOWN: the policy decides in another way"
    days = decision.windows.voting.seconds / 86400 if decision.windows else 0
    words = f"{decision.threshold} organisations must agree, within {days:g} days"
    waits = decision.windows and decision.windows.waiting
    return words + (f", and nothing is executed for {waits.seconds} seconds" if waits and waits != Moment() else "")
