"""The consortium's group, its policy, its proposals and votes, and the validators, as one node says that they are.

Nothing here is proven; `policy_key` says where the policy is in the state, for who proves it. Names of messages and fields: the
.proto files of cosmos-sdk at tag v0.53.8, cosmos/group/v1 and cosmos/staking/v1beta1.
"""

import base64
from dataclasses import dataclass
from typing import Annotated, TypeVar

from nodeops.core.errors import HostError
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cosmos.address import policy_address, policy_bytes
from nodeops.ledger.cosmos.app_state import GROUP_ID
from nodeops.ledger.cosmos.codec import FormError, decode, encode
from nodeops.ledger.cosmos.messages import Commission, Description, Moment, Packed, Threshold, unpack
from nodeops.ledger.driver import Driver

A = TypeVar("A")
# The store of x/group; a table's prefix there has two bytes, and a key that is one address carries its length.
STORE = "group"
_POLICY_TABLE = b"\x20\x00"
# group/v1/types.proto: enum ProposalStatus, enum ProposalExecutorResult.
STATUSES = {1: "open", 2: "accepted", 3: "rejected", 4: "aborted", 5: "withdrawn"}
RESULTS = {0: "", 1: "", 2: "executed", 3: "but its execution failed"}
OPEN, ACCEPTED = 1, 2
_GROUP = int(GROUP_ID)
# errors.ErrNotFound of x/group's collections: "load proposal: not found".
_NOT_FOUND = "not found"
_MOST = 1000


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
class _GroupMember:
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


@dataclass(frozen=True)
class _Page:
    key: Annotated[bytes, 1]
    offset: Annotated[int, 2] = 0
    limit: Annotated[int, 3] = 0


@dataclass(frozen=True)
class _PageEnd:
    next_key: Annotated[bytes, 1]
    total: Annotated[int, 2]


@dataclass(frozen=True)
class _ByAddress:
    address: Annotated[str, 1]
    page: Annotated[_Page | None, 2] = None


@dataclass(frozen=True)
class _ByNumber:
    number: Annotated[int, 1]
    page: Annotated[_Page | None, 2] = None


@dataclass(frozen=True)
class _PolicyAnswer:
    info: Annotated[Policy | None, 1]


@dataclass(frozen=True)
class _ProposalAnswer:
    proposal: Annotated[Proposal | None, 1]


@dataclass(frozen=True)
class _ProposalsAnswer:
    proposals: Annotated[tuple[Proposal, ...], 1]
    page: Annotated[_PageEnd | None, 2]


@dataclass(frozen=True)
class _VotesAnswer:
    votes: Annotated[tuple[Cast, ...], 1]
    page: Annotated[_PageEnd | None, 2]


@dataclass(frozen=True)
class _MembersAnswer:
    members: Annotated[tuple[_GroupMember, ...], 1]
    page: Annotated[_PageEnd | None, 2]


@dataclass(frozen=True)
class _ValidatorsAnswer:
    validators: Annotated[tuple[Validator, ...], 1]
    page: Annotated[_PageEnd | None, 2]


def policy_key() -> bytes:
    """Return where the policy stands in the store of groups, for a proof."""
    return _POLICY_TABLE + bytes([len(policy_bytes())]) + policy_bytes()


def _asked(driver: Driver, path: str, question: object, shape: type[A]) -> A:
    answer = driver.state(path, encode(question))
    try:
        return decode(shape, base64.b64decode(answer.get("value") or ""))
    except ValueError as error:
        raise HostError(f"the answer cannot be true: {error}", where=path, hint=LIE_HINT) from error


_ALL = _Page(b"", 0, _MOST)


def policy(driver: Driver) -> Policy:
    """Return the consortium's policy. Raise HostError when the node answers nonsense, as all functions here do."""
    found = _asked(driver, "/cosmos.group.v1.Query/GroupPolicyInfo", _ByAddress(policy_address()), _PolicyAnswer).info
    if found is None:
        raise HostError("the chain has no policy of a consortium", where="Query/GroupPolicyInfo", hint=LIE_HINT)
    return found


def proposal(driver: Driver, number: int) -> Proposal | None:
    """Return a proposal, None when the chain does not keep it: it was executed, it is too old, or there never was one."""
    try:
        return _asked(driver, "/cosmos.group.v1.Query/Proposal", _ByNumber(number), _ProposalAnswer).proposal
    except ApplicationRefused as error:
        if _NOT_FOUND in error.what:
            return None
        raise


def proposals(driver: Driver) -> tuple[Proposal, ...]:
    """Return all proposals that the chain keeps."""
    path = "/cosmos.group.v1.Query/ProposalsByGroupPolicy"
    return _asked(driver, path, _ByAddress(policy_address(), _ALL), _ProposalsAnswer).proposals


def votes(driver: Driver, number: int) -> tuple[Cast, ...]:
    """Return the votes on a proposal that the chain keeps."""
    return _asked(driver, "/cosmos.group.v1.Query/VotesByProposal", _ByNumber(number, _ALL), _VotesAnswer).votes


def members(driver: Driver) -> dict[str, str]:
    """Return the names of all organisations in the group, by address."""
    found = _asked(driver, "/cosmos.group.v1.Query/GroupMembers", _ByNumber(_GROUP, _ALL), _MembersAnswer).members
    return {one.member.address: one.member.name for one in found if one.member}


def validators(driver: Driver) -> tuple[Validator, ...]:
    """Return all validators, also those without power."""
    path = "/cosmos.staking.v1beta1.Query/Validators"
    return _asked(driver, path, _ByAddress("", _ALL), _ValidatorsAnswer).validators
