"""What is written about leases: acquire, renew, release. Strict, so that two readers never differ. Pure."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from nodeops.core.errors import InputError
from nodeops.document.fields import Name, Words
from nodeops.document.models import Model
from nodeops.quorum.lease.bounds import LONGEST_SECONDS, SHORTEST_SECONDS
from nodeops.records.statements import MAX_MEMO_BYTES, statement_memo

# One book for all nodes: the order of the ledger decides between leases of different nodes.
KEY = "lease/nodes"
MOST_HEIGHT = (1 << 63) - 1

Seconds = Annotated[int, Field(ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)]
# The height that its writer knew: it makes two entries that say the same two entries.
Height = Annotated[int, Field(ge=1, le=MOST_HEIGHT)]
# What names the terms by which its writer judged: who reads by others knows that they may differ on who holds what.
TermsName = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Acquire(Model):
    """A lease on a node is asked for, for so many seconds of block time from the entry's own block on."""

    do: Literal["acquire"] = "acquire"
    node: Name
    seconds: Seconds
    reason: Words
    after: Height
    terms: TermsName


class Renew(Model):
    """A lease shall end so many seconds after the entry's own block."""

    do: Literal["renew"] = "renew"
    node: Name
    seconds: Seconds
    after: Height
    terms: TermsName


class Release(Model):
    """A lease ends with the entry's own block."""

    do: Literal["release"] = "release"
    node: Name
    after: Height
    terms: TermsName


Step = Acquire | Renew | Release
_STEP: TypeAdapter[Step] = TypeAdapter(Annotated[Step, Field(discriminator="do")])


def step_of(body: Any) -> Step | None:
    """Return what an entry says, None when it says nothing about leases."""
    try:
        return _STEP.validate_python(body)
    except ValidationError:
        return None


def memo_of(step: Step) -> str:
    """Return the memo of an entry. Raise InputError for a reason that is longer than a memo can hold."""
    memo = statement_memo(KEY, step.model_dump())
    if len(memo) > MAX_MEMO_BYTES:
        text = f"is too long: with it the entry has {len(memo)} bytes"
        raise InputError(text, where="--reason", allowed=f"{MAX_MEMO_BYTES} bytes in all, ASCII one each, others 6 to 12")
    return memo
