"""Who holds a lease: tables of what counts and what does not, and what holds of every ledger."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.quorum.lease.bounds import DAILY_SECONDS, DAY_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS
from nodeops.quorum.lease.policy import Book
from nodeops.quorum.lease.terms import Terms, terms_of
from nodeops.records.statements import Stated
from tests.tiers import slow
from tests.unit.quorum.lease.samples import (
    FOUR,
    HOUR,
    MEMBERS,
    OWNERS,
    RULE,
    SEVEN,
    START,
    acquire,
    held,
    member,
    read,
    release,
    renew,
    said,
)


def test_of_seven_two_may_go_and_one_organisation_has_one_beside_another_of_its_own() -> None:
    assert (SEVEN.spare, SEVEN.share) == (2, 1)
    assert (FOUR.spare, FOUR.share) == (1, 0)


CASES: dict[str, tuple[list[Stated], int, list[str]]] = {
    "nobody": ([], 0, []),
    "acquired": ([said(0, "a", acquire("a-1"))], 10, ["a-1"]),
    "expired by block time": ([said(0, "a", acquire("a-1"))], HOUR, []),
    "until its last second": ([said(0, "a", acquire("a-1"))], HOUR - 1, ["a-1"]),
    "released": ([said(0, "a", acquire("a-1")), said(10, "a", release("a-1"))], 10, []),
    "renewed": ([said(0, "a", acquire("a-1")), said(HOUR - 1, "a", renew("a-1"))], 2 * HOUR - 2, ["a-1"]),
    "renewed too late": ([said(0, "a", acquire("a-1")), said(HOUR, "a", renew("a-1"))], HOUR, []),
    "renewed for ever": (
        [said(0, "a", acquire("a-1"))] + [said(at, "a", renew("a-1")) for at in range(60, 8 * HOUR, 60)],
        4 * HOUR,
        [],
    ),
    "two organisations": ([said(0, "a", acquire("a-1")), said(1, "b", acquire("b-1"))], 10, ["a-1", "b-1"]),
    "a third comes too late": (
        [said(0, "a", acquire("a-1")), said(1, "b", acquire("b-1")), said(2, "c", acquire("c-1"))],
        10,
        ["a-1", "b-1"],
    ),
    "a third after one was released": (
        [
            said(0, "a", acquire("a-1")),
            said(1, "b", acquire("b-1")),
            said(2, "b", release("b-1")),
            said(3, "c", acquire("c-1")),
        ],
        10,
        ["a-1", "c-1"],
    ),
    "one organisation alone": ([said(0, "a", acquire("a-1")), said(1, "a", acquire("a-2"))], 10, ["a-1"]),
    "the order within a block": (
        [said(0, "c", acquire("c-1"), 0), said(0, "b", acquire("b-1"), 1), said(0, "a", acquire("a-1"), 2)],
        10,
        ["c-1", "b-1"],
    ),
    "another's node": ([said(0, "a", acquire("b-1"))], 10, []),
    "another's lease is not released": ([said(0, "a", acquire("a-1")), said(1, "b", release("a-1"))], 10, ["a-1"]),
    "another's lease is not renewed": ([said(0, "a", acquire("a-1")), said(1, "b", renew("a-1", 4 * HOUR - 1))], HOUR, []),
    "a stranger's node": ([said(0, "a", acquire("z-1"))], 10, []),
    "twice is once": ([said(0, "a", acquire("a-1")), said(1, "a", acquire("a-1", 2 * HOUR))], HOUR, []),
}


@pytest.mark.parametrize(("entries", "now", "expected"), CASES.values(), ids=CASES)
def test_who_holds(entries: list[Stated], now: int, expected: list[str]) -> None:
    assert held(entries, now) == expected


JUNK: dict[str, Any] = {
    "nothing": {},
    "no step": {"do": "keep", "node": "a-1", "seconds": 600, "reason": "x", "after": 1, "terms": SEVEN.name},
    "for ever": {"do": "acquire", "node": "a-1", "seconds": LONGEST_SECONDS + 1, "reason": "x", "after": 1, "terms": SEVEN.name},
    "for a moment": {
        "do": "acquire",
        "node": "a-1",
        "seconds": SHORTEST_SECONDS - 1,
        "reason": "x",
        "after": 1,
        "terms": SEVEN.name,
    },
    "negative": {"do": "acquire", "node": "a-1", "seconds": -600, "reason": "x", "after": 1, "terms": SEVEN.name},
    "half a second": {"do": "acquire", "node": "a-1", "seconds": 600.5, "reason": "x", "after": 1, "terms": SEVEN.name},
    "a word": {"do": "acquire", "node": "a-1", "seconds": "600", "reason": "x", "after": 1, "terms": SEVEN.name},
    "true": {"do": "acquire", "node": "a-1", "seconds": True, "reason": "x", "after": 1, "terms": SEVEN.name},
    "no reason": {"do": "acquire", "node": "a-1", "seconds": 600, "reason": "", "after": 1, "terms": SEVEN.name},
    "a steering reason": {"do": "acquire", "node": "a-1", "seconds": 600, "reason": "\x1b[2J", "after": 1, "terms": SEVEN.name},
    "more": {"do": "acquire", "node": "a-1", "seconds": 600, "reason": "x", "after": 1, "terms": SEVEN.name, "power": 0},
    "a list": ["acquire"],
    "another's name": {
        "do": "acquire",
        "node": "a-1",
        "seconds": 600,
        "reason": "x",
        "after": 1,
        "terms": SEVEN.name,
        "organisation": "b",
    },
}


@pytest.mark.parametrize("body", JUNK.values(), ids=JUNK)
def test_what_is_malformed_counts_for_nothing_and_is_in_nobodys_way(body: Any) -> None:
    found = read([said(0, "a", body), said(1, "a", acquire("a-2"))], 10)
    assert [one.node for one in found.book.live(found.now)] == ["a-2"]
    assert list(found.judged.values()) == ["says nothing about leases", ""]


def test_why_something_counts_for_nothing_is_said_in_numbers() -> None:
    entries = [
        said(0, "a", acquire("a-1")),
        said(1, "a", acquire("a-2")),
        said(2, "b", acquire("b-1")),
        said(3, "c", acquire("c-1")),
    ]
    entries += [said(4, "b", renew("b-1", 4 * HOUR)), said(5, "c", release("b-1")), said(6, "c", release("c-1"))]
    assert list(read(entries, 10).judged.values()) == [
        "",
        "a has 1 voting power under leases already, beside which its share is 1",
        "",
        "the chain can lose 2 voting power, 2 of it is under leases (a-1, b-1), 1 is c-1's",
        "a lease ends 4 h after it was acquired: 14398 s are left of that",
        "b-1 is b's, not c's",
        "c-1 is under no lease",
    ]


def test_a_day_of_one_organisation_ends_and_begins_again() -> None:
    first = [said(0, "a", acquire("a-1", 4 * HOUR)), said(5 * HOUR, "a", acquire("a-1", 4 * HOUR))]
    again = said(10 * HOUR, "a", acquire("a-2"))
    assert held([*first, again], 10 * HOUR) == []
    assert (
        "28800 s of leases in this day of 28800 s, 3600 s more are too many"
        in read([*first, again], 10 * HOUR).judged[again.hash]
    )
    assert held([*first, again, said(10 * HOUR, "b", acquire("b-1"))], 10 * HOUR) == ["b-1"]
    assert held([*first, said(25 * HOUR, "a", acquire("a-2"))], 25 * HOUR) == ["a-2"]


def test_what_is_released_early_is_given_back_to_the_day() -> None:
    entries = [said(at, "a", step) for at in range(0, 10 * HOUR, HOUR) for step in (acquire("a-1", 4 * HOUR),)]
    short = [
        one
        for at in range(0, 10 * HOUR, HOUR)
        for one in (said(at, "a", acquire("a-1", 4 * HOUR)), said(at + 600, "a", release("a-1")))
    ]
    assert read(short, 10 * HOUR).book.used("a", START + 10 * HOUR) == 6000
    assert read(entries, 10 * HOUR).book.used("a", START + 10 * HOUR) == DAILY_SECONDS


@slow
def test_a_day_has_a_bounded_number_of_leases_even_of_those_released_at_once() -> None:
    entries = [said(at, "a", step) for at in range(2000) for step in (acquire("a-1", SHORTEST_SECONDS), release("a-1"))]
    found = Book(SEVEN)
    granted = [found.add(one) == "" for one in entries][::2]
    assert (sum(granted), found.used("a", START + 2000)) == (DAILY_SECONDS // SHORTEST_SECONDS, DAILY_SECONDS)


@pytest.mark.parametrize(
    ("powers", "expected"),
    [
        ({"a-1": 1}, []),
        ({"a-1": 1, "b-1": 1, "c-1": 1}, []),
        ({"a-1": 3, "b-1": 1, "c-1": 1, "c-2": 1}, []),
        ({"a-1": 2, "b-1": 2, "c-1": 2, "c-2": 2}, ["a-1"]),
        ({"a-1": 0, "b-1": 1, "c-1": 1}, ["a-1"]),
        ({"a-1": 0, "b-1": 0}, ["a-1"]),
    ],
    ids=["alone", "three", "heavy", "heavy enough", "witness", "nobody votes"],
)
def test_what_no_chain_can_lose_gets_no_lease(powers: dict[str, int], expected: list[str]) -> None:
    terms = terms_of([member(name, OWNERS[name], power) for name, power in powers.items()], RULE)
    assert held([said(0, "a", acquire("a-1", terms=terms))], 10, terms) == expected


# --- what holds of every ledger -------------------------------------------------------------------------------------------

_ORGANISATIONS = sorted(set(OWNERS.values()))


def _release(node: str, _: int, terms: Terms) -> Any:
    return release(node, terms)


@st.composite
def _ledgers(draw: st.DrawFn) -> tuple[Terms, list[Stated]]:
    """Return terms, and what three organisations wrote in two days or so: in turn, at once, for others, renewed, released."""
    powers = draw(st.lists(st.integers(0, 4), min_size=7, max_size=7))
    terms = terms_of([member(one.name, one.organisation, power) for one, power in zip(MEMBERS, powers, strict=True)], RULE)
    entries, now = [], 0
    for place in range(draw(st.integers(0, 60))):
        now += draw(st.sampled_from([0, 1, 59, 600, HOUR, 3 * HOUR]))
        node = draw(st.sampled_from(sorted(OWNERS)))
        whose = OWNERS[node] if draw(st.integers(0, 5)) else draw(st.sampled_from(_ORGANISATIONS))
        seconds = draw(st.sampled_from([60, 600, HOUR, 3 * HOUR, 4 * HOUR]))
        make = draw(st.sampled_from([acquire, acquire, renew, _release]))
        entries.append(said(now, whose, make(node, seconds, terms=terms), place))
    return terms, entries


@given(_ledgers())
def test_leases_never_promise_more_than_the_chain_can_lose(ledger: tuple[Terms, list[Stated]]) -> None:
    terms, entries = ledger
    book = Book(terms)
    for entry in entries:
        book.add(entry)
        live = book.live(entry.time)
        assert len({one.node for one in live}) == len(live)
        assert sum(one.power for one in live) <= terms.spare
        for organisation in _ORGANISATIONS:
            own = [one for one in live if one.organisation == organisation and one.power]
            assert len(own) <= 1 or sum(one.power for one in own) <= terms.share
        assert all(terms.owners[one.node] == one.organisation and one.until <= one.since + LONGEST_SECONDS for one in live)


@given(_ledgers())
def test_no_organisation_has_more_than_a_third_of_any_day(ledger: tuple[Terms, list[Stated]]) -> None:
    terms, entries = ledger
    spans: dict[tuple[str, int, int], tuple[str, int]] = {}
    book = Book(terms)
    for entry in entries:
        book.add(entry)
        spans |= {(one.node, one.since, one.height): (one.organisation, one.until) for one in book._leases}
    held_by: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for (_, since, _), (organisation, until) in spans.items():
        held_by[organisation].append((since, until))
    for found in held_by.values():
        # A window that holds the most begins with a lease or ends with one.
        for begin in {one for since, until in found for one in (since, until - DAY_SECONDS)}:
            inside = [min(until, begin + DAY_SECONDS) - max(since, begin) for since, until in found]
            assert sum(one for one in inside if one > 0) <= DAILY_SECONDS


@given(_ledgers(), st.sampled_from(sorted(OWNERS)))
def test_once_leases_ended_and_a_day_went_by_everybody_may_acquire(ledger: tuple[Terms, list[Stated]], node: str) -> None:
    terms, entries = ledger
    book = Book(terms)
    for entry in entries:
        book.add(entry)
    now = max((one.time for one in entries), default=START) + LONGEST_SECONDS
    assert not book.live(now)
    fits = terms.powers[node] <= terms.spare
    assert (book.objection(acquire(node, terms=terms), OWNERS[node], now + DAY_SECONDS) == "") == fits


@given(_ledgers())
def test_whoever_reads_the_same_ledger_says_the_same_and_expired_leases_may_be_forgotten(
    ledger: tuple[Terms, list[Stated]],
) -> None:
    """The book forgets what is old; one that never does says the same."""
    terms, entries = ledger

    class Remembers(Book):
        def _forget(self, now: int) -> None: ...

    quick, whole = Book(terms), Remembers(terms)
    assert [quick.add(one) for one in entries] == [whole.add(one) for one in entries]


@given(_ledgers(), st.randoms())
def test_one_organisations_flood_takes_nothing_from_what_the_others_hold(ledger: tuple[Terms, list[Stated]], chance: Any) -> None:
    """Junk, and steps on others' nodes, change nobody's leases, wherever in the order they come."""
    terms, entries = ledger
    junk = [
        *JUNK.values(),
        *(step.model_dump() for step in (release("b-1", terms), renew("c-1", terms=terms), acquire("b-2", terms=terms))),
    ]
    flooded: list[Stated] = []
    for entry in entries:
        flooded += [said(entry.time - START, "a", chance.choice(junk), -1) for _ in range(3)]
        flooded.append(entry)
    end = max((one.time for one in entries), default=START) - START
    assert held(flooded, end, terms) == held(entries, end, terms)
