"""Entries about leases as authors wrote them, without a chain."""

from typing import Any

from nodeops.document.models import Member
from nodeops.document.profile import load_profile
from nodeops.ledger.authors import Author
from nodeops.quorum.lease.entries import Acquire, Release, Renew, Step
from nodeops.quorum.lease.policy import Reading, reading
from nodeops.quorum.lease.terms import Terms, terms_of
from nodeops.records.statements import Stated
from tests.unit.ledger.made_keys import pair

RULE = load_profile("cosmos").quorum
HOUR = 3600
START = 1_800_000_000
OWNERS = {"a-1": "a", "a-2": "a", "a-3": "a", "b-1": "b", "b-2": "b", "c-1": "c", "c-2": "c"}


def member(name: str, organisation: str, power: int = 1) -> Member:
    return Member(
        name=name, organisation=organisation, duty="validator" if power else "witness", power=power, address="192.0.2.1"
    )


MEMBERS = [member(name, organisation) for name, organisation in OWNERS.items()]
SEVEN = terms_of(MEMBERS, RULE)
FOUR = terms_of([one for one in MEMBERS if one.name in ("a-1", "b-1", "c-1", "c-2")], RULE)


def acquire(node: str, seconds: int = HOUR, reason: str = "patch", terms: Terms = SEVEN) -> Step:
    return Acquire(node=node, seconds=seconds, reason=reason, after=1, terms=terms.name)


def renew(node: str, seconds: int = HOUR, terms: Terms = SEVEN) -> Step:
    return Renew(node=node, seconds=seconds, after=1, terms=terms.name)


def release(node: str, terms: Terms = SEVEN) -> Step:
    return Release(node=node, after=1, terms=terms.name)


def said(at: int, organisation: str, body: Step | Any, place: int = 0) -> Stated:
    """Return an entry so many seconds after the start; its place in the block tells entries of one second apart."""
    author = Author(organisation=organisation, name=f"{organisation}-1", key=pair(f"record {organisation}")[1])
    content = body.model_dump() if isinstance(body, Acquire | Renew | Release) else body
    return Stated(author, at + 2, place, START + at, f"{at}-{place}-{organisation}", content)


def read(entries: list[Stated], now: int, terms: Terms = SEVEN) -> Reading:
    return reading(entries, terms, now + 2, START + now)


def held(entries: list[Stated], now: int, terms: Terms = SEVEN) -> list[str]:
    """Return the nodes under leases so many seconds after the start, first in order first."""
    found = read(entries, now, terms)
    return [one.node for one in found.book.live(found.now)]
