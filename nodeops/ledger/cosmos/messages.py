"""The messages of Cosmos SDK modules that a consortium uses, in both directions, and the envelope around them. Pure.

Field numbers and names: the .proto files of cosmos-sdk at tag v0.53.8, below proto/cosmos.
"""

from dataclasses import dataclass
from typing import Annotated

from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.app_state import DENOMINATION, GROUP_ID
from nodeops.ledger.cosmos.codec import FormError, decode, encode

# group/v1/types.proto and tx.proto: enum VoteOption, enum Exec.
YES, ABSTAIN, NO = 1, 2, 3
EXECUTE_WHEN_ACCEPTED = 1
# The moment zero of Go, which a plan's deprecated time must hold (0001-01-01).
_NO_TIME = -62135596800


@dataclass(frozen=True)
class Packed:
    """google.protobuf.Any: a message and the name of its type."""

    url: Annotated[str, 1]
    value: Annotated[bytes, 2]


@dataclass(frozen=True)
class Moment:
    """google.protobuf.Timestamp and google.protobuf.Duration, which have the same fields."""

    seconds: Annotated[int, 1] = 0
    nanos: Annotated[int, 2] = 0


@dataclass(frozen=True)
class Coin:
    """An amount, in decimal digits."""

    denomination: Annotated[str, 1] = DENOMINATION
    amount: Annotated[str, 2] = "0"


@dataclass(frozen=True)
class Send:
    """Coins from one account to another, signed by the first."""

    sender: Annotated[str, 1]
    receiver: Annotated[str, 2]
    amount: Annotated[tuple[Coin, ...], 3]


@dataclass(frozen=True)
class Delegate:
    """Voting power for a validator: COINS_PER_POWER coins are one unit."""

    delegator: Annotated[str, 1]
    validator: Annotated[str, 2]
    amount: Annotated[Coin, 3]


@dataclass(frozen=True)
class Undelegate:
    """Voting power taken from a validator."""

    delegator: Annotated[str, 1]
    validator: Annotated[str, 2]
    amount: Annotated[Coin, 3]


@dataclass(frozen=True)
class Description:
    """What a validator is called."""

    moniker: Annotated[str, 1] = ""
    identity: Annotated[str, 2] = ""
    website: Annotated[str, 3] = ""
    contact: Annotated[str, 4] = ""
    details: Annotated[str, 5] = ""


@dataclass(frozen=True)
class Commission:
    """What a validator keeps of rewards; there are none. Fractions are written as whole numbers of 10^-18."""

    rate: Annotated[str, 1] = "0"
    most: Annotated[str, 2] = "0"
    most_change: Annotated[str, 3] = "0"


@dataclass(frozen=True)
class CreateValidator:
    """A validator, signed by its operator, with so many of the operator's own coins."""

    description: Annotated[Description, 1]
    commission: Annotated[Commission, 2]
    least_own: Annotated[str, 3]
    delegator: Annotated[str, 4]
    operator: Annotated[str, 5]
    key: Annotated[Packed | None, 6]
    value: Annotated[Coin, 7]


@dataclass(frozen=True)
class Member:
    """An organisation in the group; weight 0 takes it out."""

    address: Annotated[str, 1]
    weight: Annotated[str, 2]
    name: Annotated[str, 3] = ""


@dataclass(frozen=True)
class UpdateMembers:
    """Organisations in or out."""

    admin: Annotated[str, 1]
    group: Annotated[int, 2]
    members: Annotated[tuple[Member, ...], 3]


@dataclass(frozen=True)
class UpdateGroupMetadata:
    """The group's free text."""

    admin: Annotated[str, 1]
    group: Annotated[int, 2]
    text: Annotated[str, 3]


@dataclass(frozen=True)
class Windows:
    """How long a proposal may be voted on, and how long it must wait for its execution at least."""

    voting: Annotated[Moment, 1]
    waiting: Annotated[Moment, 2]


@dataclass(frozen=True)
class Threshold:
    """So many organisations must agree."""

    threshold: Annotated[str, 1]
    windows: Annotated[Windows | None, 2]


@dataclass(frozen=True)
class UpdatePolicy:
    """Another threshold."""

    admin: Annotated[str, 1]
    policy: Annotated[str, 2]
    decision: Annotated[Packed | None, 3]


@dataclass(frozen=True)
class UpdatePolicyMetadata:
    """The policy's free text."""

    admin: Annotated[str, 1]
    policy: Annotated[str, 2]
    text: Annotated[str, 3]


@dataclass(frozen=True)
class Plan:
    """An upgrade of the application: at `height` every node waits for the program that knows `name`."""

    name: Annotated[str, 1]
    time: Annotated[Moment, 2]
    height: Annotated[int, 3]
    info: Annotated[str, 4] = ""
    client_state: Annotated[Packed | None, 5] = None


@dataclass(frozen=True)
class ScheduleUpgrade:
    """An upgrade, in the authority's name."""

    authority: Annotated[str, 1]
    plan: Annotated[Plan, 2]


@dataclass(frozen=True)
class CancelUpgrade:
    """No upgrade, in the authority's name."""

    authority: Annotated[str, 1]


@dataclass(frozen=True)
class Propose:
    """Messages that the policy is to send, once enough organisations agree."""

    policy: Annotated[str, 1]
    proposers: Annotated[tuple[str, ...], 2]
    text: Annotated[str, 3]
    messages: Annotated[tuple[Packed, ...], 4]
    execute: Annotated[int, 5]
    title: Annotated[str, 6]
    summary: Annotated[str, 7]


@dataclass(frozen=True)
class Vote:
    """One organisation's vote on a proposal."""

    proposal: Annotated[int, 1]
    voter: Annotated[str, 2]
    option: Annotated[int, 3]
    text: Annotated[str, 4] = ""
    execute: Annotated[int, 5] = EXECUTE_WHEN_ACCEPTED


@dataclass(frozen=True)
class Withdraw:
    """A proposal taken back by who made it."""

    proposal: Annotated[int, 1]
    address: Annotated[str, 2]


@dataclass(frozen=True)
class PublicKey:
    """An ed25519 public key."""

    key: Annotated[bytes, 1]


TYPES: dict[str, type] = {
    "/cosmos.bank.v1beta1.MsgSend": Send,
    "/cosmos.crypto.ed25519.PubKey": PublicKey,
    "/cosmos.group.v1.MsgSubmitProposal": Propose,
    "/cosmos.group.v1.MsgUpdateGroupMembers": UpdateMembers,
    "/cosmos.group.v1.MsgUpdateGroupMetadata": UpdateGroupMetadata,
    "/cosmos.group.v1.MsgUpdateGroupPolicyDecisionPolicy": UpdatePolicy,
    "/cosmos.group.v1.MsgUpdateGroupPolicyMetadata": UpdatePolicyMetadata,
    "/cosmos.group.v1.MsgVote": Vote,
    "/cosmos.group.v1.MsgWithdrawProposal": Withdraw,
    "/cosmos.group.v1.ThresholdDecisionPolicy": Threshold,
    "/cosmos.staking.v1beta1.MsgCreateValidator": CreateValidator,
    "/cosmos.staking.v1beta1.MsgDelegate": Delegate,
    "/cosmos.staking.v1beta1.MsgUndelegate": Undelegate,
    "/cosmos.upgrade.v1beta1.MsgCancelUpgrade": CancelUpgrade,
    "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade": ScheduleUpgrade,
}
_URLS = {shape: url for url, shape in TYPES.items()}


def pack(message: object) -> Packed:
    """Return a message with the name of its type."""
    return Packed(_URLS[type(message)], encode(message))


def unpack(packed: Packed) -> object:
    """Return the message inside. Raise FormError for a type that is not in TYPES, and for bytes that are not of it."""
    if packed.url not in TYPES:
        raise FormError(f"{packed.url} is no type that is known here")
    return decode(TYPES[packed.url], packed.value)


def self_send(address: str) -> Packed:
    """Return what carries a memo: one coin from an account to itself."""
    return pack(Send(address, address, (Coin(amount="1"),)))


def propose(proposer: str, messages: tuple[Packed, ...], text: str, title: str, summary: str) -> Packed:
    """Return a proposal to the consortium's policy. It executes with the vote that makes it accepted."""
    return pack(Propose(policy_address(), (proposer,), text, messages, EXECUTE_WHEN_ACCEPTED, title, summary))


def schedule_upgrade(name: str, height: int, info: str = "") -> Packed:
    """Return the policy's order to stop at a height until the program that knows `name` runs."""
    return pack(ScheduleUpgrade(policy_address(), Plan(name, Moment(_NO_TIME), height, info)))


def update_members(members: tuple[Member, ...]) -> Packed:
    """Return the policy's order that takes organisations in or, by weight 0, out."""
    return pack(UpdateMembers(policy_address(), int(GROUP_ID), members))
