"""What the chain keeps of the consortium: its policy, proposals and votes, its members, and the validators. Pure.

Names of messages and fields: the .proto files of cosmos-sdk at tag v0.53.8, cosmos/group/v1 and cosmos/staking/v1beta1.
"""

from dataclasses import dataclass
from typing import Annotated

from nodeops.ledger.cosmos.address import address_bytes, policy_address
from nodeops.ledger.cosmos.codec import FormError
from nodeops.ledger.cosmos.messages import Commission, Description, Moment, Packed, Threshold, unpack

# The store of x/group; a table's prefix there has two bytes, and a key that is one address carries its length.
STORE = "group"
_POLICY_TABLE, _PROPOSAL_TABLE = b"\x20\x00", b"\x30\x00"
# group/v1/types.proto: enum ProposalStatus, enum ProposalExecutorResult.
STATUSES = {1: "open", 2: "accepted", 3: "rejected", 4: "aborted", 5: "withdrawn"}
RESULTS = {0: "", 1: "", 2: "executed", 3: "but its execution failed"}
OPEN, ACCEPTED = 1, 2


def policy_key() -> bytes:
    """Return where the policy stands in the store of groups, for a proof."""
    address = address_bytes(policy_address())
    return _POLICY_TABLE + bytes([len(address)]) + address


def proposal_key(number: int) -> bytes:
    """Return where a proposal stands in the store of groups, for a proof."""
    return _PROPOSAL_TABLE + number.to_bytes(8, "big")


@dataclass(frozen=True)
class Policy:
    """cosmos.group.v1.GroupPolicyInfo. `text` names the revision in force; `version` rises with every change of the policy."""

    address: Annotated[str, 1]
    group: Annotated[int, 2]
    admin: Annotated[str, 3]
    text: Annotated[str, 4]
    version: Annotated[int, 5]
    decision: Annotated[Packed | None, 6]
    made: Annotated[Moment, 7]

    @property
    def threshold(self) -> int:
        """Return how many organisations must agree. Raise FormError for a policy that counts in another way."""
        found = unpack(self.decision) if self.decision else None
        if not isinstance(found, Threshold) or not found.threshold.isdecimal():
            raise FormError("the policy does not count organisations")
        return int(found.threshold)


@dataclass(frozen=True)
class Tally:
    """Votes, counted when voting ended."""

    yes: Annotated[str, 1]
    abstain: Annotated[str, 2]
    no: Annotated[str, 3]
    veto: Annotated[str, 4]


@dataclass(frozen=True)
class Proposal:
    """cosmos.group.v1.Proposal: what the policy would send, and how far that is."""

    number: Annotated[int, 1]
    policy: Annotated[str, 2]
    text: Annotated[str, 3]
    proposers: Annotated[tuple[str, ...], 4]
    made: Annotated[Moment, 5]
    group_version: Annotated[int, 6]
    policy_version: Annotated[int, 7]
    status: Annotated[int, 8]
    tally: Annotated[Tally, 9]
    ends: Annotated[Moment, 10]
    result: Annotated[int, 11]
    messages: Annotated[tuple[Packed, ...], 12]
    title: Annotated[str, 13]
    summary: Annotated[str, 14]

    @property
    def state(self) -> str:
        """Return how far it is, in words."""
        return " ".join(filter(None, (STATUSES.get(self.status, "unknown"), RESULTS.get(self.result, "unknown"))))


@dataclass(frozen=True)
class Cast:
    """cosmos.group.v1.Vote: a vote as the chain keeps it while its proposal is there."""

    proposal: Annotated[int, 1]
    voter: Annotated[str, 2]
    option: Annotated[int, 3]
    text: Annotated[str, 4]
    when: Annotated[Moment, 5]


@dataclass(frozen=True)
class MemberState:
    """cosmos.group.v1.Member."""

    address: Annotated[str, 1]
    weight: Annotated[str, 2]
    name: Annotated[str, 3]
    since: Annotated[Moment, 4]


@dataclass(frozen=True)
class GroupMember:
    """cosmos.group.v1.GroupMember."""

    group: Annotated[int, 1]
    member: Annotated[MemberState | None, 2]


@dataclass(frozen=True)
class _Commission:
    rates: Annotated[Commission, 1]
    since: Annotated[Moment, 2]


@dataclass(frozen=True)
class Validator:
    """cosmos.staking.v1beta1.Validator: `tokens` are all coins that stand for its power, whoever's they are."""

    operator: Annotated[str, 1]
    key: Annotated[Packed | None, 2]
    jailed: Annotated[int, 3]
    status: Annotated[int, 4]
    tokens: Annotated[str, 5]
    shares: Annotated[str, 6]
    description: Annotated[Description, 7]
    unbonding_height: Annotated[int, 8]
    unbonding_time: Annotated[Moment, 9]
    commission: Annotated[_Commission, 10]
    least_own: Annotated[str, 11]
    holds: Annotated[int, 12]
    unbondings: Annotated[bytes, 13]
