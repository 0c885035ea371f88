"""The consortium's group, its proposals and the validators, as one node says that they are. Nothing here is proven."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from nodeops.core.errors import HostError
from nodeops.ledger.answers import ApplicationRefused
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.app_state import GROUP_ID
from nodeops.ledger.cosmos.codec import decode, encode
from nodeops.ledger.cosmos.group_state import Cast, GroupMember, Proposal, Validator
from nodeops.ledger.driver import Driver

_GROUP = int(GROUP_ID)
# errors.ErrNotFound of x/group's collections: "load proposal: not found".
_NOT_FOUND = "not found"
# Small enough for an answer that a member fills as far as the chain lets it, with long texts; far more pages than anybody needs.
_PER_PAGE, _MOST_PAGES = 50, 200


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


class _Paged(Protocol):
    @property
    def page(self) -> _PageEnd | None: ...


A = TypeVar("A")
P = TypeVar("P", bound=_Paged)


def asked(driver: Driver, path: str, question: object, shape: type[A]) -> A:
    """Return the answer to a question about the newest state. Raise HostError for what is none of this shape."""
    answer = driver.state(path, encode(question))
    try:
        return decode(shape, base64.b64decode(answer.get("value") or ""))
    except ValueError as error:
        raise HostError(f"the answer cannot be true: {error}", where=path, hint=LIE_HINT) from error


def _pages(driver: Driver, path: str, question: Callable[[_Page], object], shape: type[P]) -> Iterator[P]:
    """Yield all pages of an answer. Raise HostError rather than leave any out: a member could fill those that are read."""
    key = b""
    for _ in range(_MOST_PAGES):
        answer = asked(driver, path, question(_Page(key, 0, _PER_PAGE)), shape)
        yield answer
        key = answer.page.next_key if answer.page else b""
        if not key:
            return
    raise HostError(
        f"has more than {_MOST_PAGES * _PER_PAGE} entries", where=path, hint="find out who made them, and from what account"
    )


def proposal(driver: Driver, number: int) -> Proposal | None:
    """Return a proposal, None when the chain does not keep it: it was executed, it is too old, or there never was one.

    Raise HostError when the node answers nonsense, as all functions here do.
    """
    try:
        return asked(driver, "/cosmos.group.v1.Query/Proposal", _ByNumber(number), _ProposalAnswer).proposal
    except ApplicationRefused as error:
        if _NOT_FOUND in error.what:
            return None
        raise


def proposals(driver: Driver) -> tuple[Proposal, ...]:
    """Return all proposals that the chain keeps."""
    path = "/cosmos.group.v1.Query/ProposalsByGroupPolicy"
    pages = _pages(driver, path, lambda page: _ByAddress(policy_address(), page), _ProposalsAnswer)
    return tuple(one for page in pages for one in page.proposals)


def votes(driver: Driver, number: int) -> tuple[Cast, ...]:
    """Return the votes on a proposal that the chain keeps."""
    path = "/cosmos.group.v1.Query/VotesByProposal"
    return tuple(one for page in _pages(driver, path, lambda page: _ByNumber(number, page), _VotesAnswer) for one in page.votes)


def members(driver: Driver) -> dict[str, str]:
    """Return the names of all organisations in the group, by address."""
    pages = _pages(driver, "/cosmos.group.v1.Query/GroupMembers", lambda page: _ByNumber(_GROUP, page), _MembersAnswer)
    return {one.member.address: one.member.name for page in pages for one in page.members if one.member}


def validators(driver: Driver) -> tuple[Validator, ...]:
    """Return all validators, also those without power."""
    path = "/cosmos.staking.v1beta1.Query/Validators"
    pages = _pages(driver, path, lambda page: _ByAddress("", page), _ValidatorsAnswer)
    return tuple(one for page in pages for one in page.validators)
