"""The consortium's group, its proposals and the validators, as one node says that they are. Nothing here is proven."""

import base64
from dataclasses import dataclass
from typing import Annotated, TypeVar

from nodeops.core.errors import HostError
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.app_state import GROUP_ID
from nodeops.ledger.cosmos.codec import decode, encode
from nodeops.ledger.cosmos.group_state import Cast, GroupMember, Proposal, Validator
from nodeops.ledger.driver import Driver

A = TypeVar("A")
_GROUP = int(GROUP_ID)
# errors.ErrNotFound of x/group's collections: "load proposal: not found".
_NOT_FOUND = "not found"
_MOST = 1000


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
    members: Annotated[tuple[GroupMember, ...], 1]
    page: Annotated[_PageEnd | None, 2]


@dataclass(frozen=True)
class _ValidatorsAnswer:
    validators: Annotated[tuple[Validator, ...], 1]
    page: Annotated[_PageEnd | None, 2]


def _asked(driver: Driver, path: str, question: object, shape: type[A]) -> A:
    answer = driver.state(path, encode(question))
    try:
        return decode(shape, base64.b64decode(answer.get("value") or ""))
    except ValueError as error:
        raise HostError(f"the answer cannot be true: {error}", where=path, hint=LIE_HINT) from error


_ALL = _Page(b"", 0, _MOST)


def proposal(driver: Driver, number: int) -> Proposal | None:
    """Return a proposal, None when the chain does not keep it: it was executed, it is too old, or there never was one.

    Raise HostError when the node answers nonsense, as all functions here do.
    """
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
