"""Leases across a revision: who was refused is no holder after it, who left holds nothing, two books let nobody go at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.ledger.authors import Author
from nodeops.quorum.lease import kept
from nodeops.quorum.lease.bounds import DAILY_SECONDS, DAY_SECONDS, LONGEST_SECONDS, REST_SECONDS, STRETCH_SECONDS
from nodeops.quorum.lease.policy import OTHER_TERMS, Book, Reading, each_alone
from nodeops.quorum.lease.promised import for_node
from nodeops.quorum.lease.terms import Terms, terms_of
from nodeops.quorum.policy import Standing
from nodeops.records.statements import Stated
from tests.unit.ledger.made_keys import pair
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

AUTHORS = [Author(organisation=name, name=f"{name}-1", key=pair(f"record {name}")[1]) for name in "abc"]
ANEW = Author(organisation="a", name="a-1", key=pair("record a anew")[1])
HELD = [said(0, "a", acquire("a-1", 4 * HOUR)), said(1, "b", acquire("b-1", 4 * HOUR)), said(2, "c", acquire("c-1", 4 * HOUR))]
SIGNING = Standing(20, True, "", {}, frozenset())

# What a revision changed, and to whom power is left after it until their leases end: within what may go then.
REVISIONS: dict[str, tuple[Terms, list[str]]] = {
    "an organisation left": (terms_of([one for one in MEMBERS if one.organisation != "a"], RULE), ["b-1"]),
    "a node left": (terms_of([one for one in MEMBERS if one.name != "a-1"], RULE), ["b-1"]),
    "a node has more power": (
        terms_of([member(one.name, one.organisation, 1 + (one.name == "a-1")) for one in MEMBERS], RULE),
        ["a-1"],
    ),
    "a node has none": (
        terms_of([member(one.name, one.organisation, int(one.name != "a-1")) for one in MEMBERS], RULE),
        ["a-1", "b-1"],
    ),
    "a node is another's": (
        terms_of([member(name, "b" if name == "a-1" else own) for name, own in OWNERS.items()], RULE),
        ["b-1", "c-1"],
    ),
    "keys are others": (terms_of(MEMBERS, RULE, [ANEW, *AUTHORS[1:]]), ["a-1", "b-1"]),
    "a key counted up to a height": (
        terms_of(MEMBERS, RULE, [AUTHORS[0].model_copy(update={"until": 1}), *AUTHORS[1:]]),
        ["a-1", "b-1"],
    ),
}


@pytest.mark.parametrize(("after", "left"), REVISIONS.values(), ids=REVISIONS)
def test_who_held_before_a_revision_holds_nothing_after_it_and_those_who_stay_are_left_their_power(
    after: Terms, left: list[str]
) -> None:
    found = read(HELD, 10, after).book
    assert (found.live(START + 10), [one.node for one in found.reserved(START + 10)]) == ([], left)
    assert not found.reserved(START + 4 * HOUR + 2)
    assert set(read(HELD, 10, after).judged.values()) == {OTHER_TERMS}


def test_who_was_refused_before_a_revision_does_not_hold_after_it() -> None:
    """Four nodes become seven: then two may go. The second of four was told no, and nobody told it anything since."""
    entries = [said(0, "a", acquire("a-1", terms=FOUR)), said(1, "b", acquire("b-1", terms=FOUR))]
    assert held(entries, 10, FOUR) == ["a-1"]
    assert held(entries, 10, SEVEN) == []


def test_what_changes_nothing_of_who_belongs_and_who_may_write_leaves_leases_alone() -> None:
    moved = [one.model_copy(update={"address": "198.51.100.7"}) for one in reversed(MEMBERS)]
    assert terms_of(moved, RULE, AUTHORS[::-1]).name == terms_of(MEMBERS, RULE, AUTHORS).name


def test_who_left_can_neither_hold_nor_release_nor_renew() -> None:
    after = REVISIONS["an organisation left"][0]
    entries = [
        said(0, "b", acquire("b-1", terms=after)),
        said(1, "a", release("b-1", after)),
        said(2, "a", acquire("a-1", terms=after)),
    ]
    entries += [said(3, "a", renew("b-1", 2 * HOUR, after)), said(4, "c", acquire("c-1", terms=after))]
    assert list(read(entries, 10, after).judged.values()) == [
        "",
        "b-1 is b's, not a's",
        "a-1 is no node of the consortium",
        "b-1 is b's, not a's",
        "the chain can lose 1 voting power, 1 of it is under leases (b-1), 1 is c-1's",
    ]


def test_what_was_acquired_before_a_revision_is_released_after_it() -> None:
    entries = [said(0, "a", acquire("a-1", terms=FOUR)), said(10, "a", release("a-1"))]
    assert not read(entries, 20).book.reserved(START + 20)


def test_what_is_written_under_other_terms_is_within_the_same_bounds_and_takes_no_place() -> None:
    """An organisation that writes under terms of its own has no more of its day, and keeps nobody from a lease."""
    entries = [said(at, "a", acquire("a-1", 4 * HOUR, terms=FOUR)) for at in range(0, DAY_SECONDS, 600)]
    found = read(entries, DAY_SECONDS - 1)
    assert found.book.used("a", START + DAY_SECONDS) <= DAILY_SECONDS
    entries.insert(3, said(1300, "b", acquire("b-1")))
    entries.insert(4, said(1301, "c", acquire("c-1")))
    assert held(entries[:5], 1400) == ["b-1", "c-1"]
    assert read([*entries[:5], said(1302, "a", acquire("a-2"))], 1400).judged["1302-0-a"].startswith("the chain can lose 2")


# --- two books at once ----------------------------------------------------------------------------------------------------

_TERMS = [SEVEN, FOUR, *(one for one, _ in REVISIONS.values())]


@st.composite
def _two_books(draw: st.DrawFn) -> tuple[Terms, Terms, list[Stated]]:
    """Return two sets of terms, and what hosts that know the one or the other wrote."""
    first, second = draw(st.lists(st.sampled_from(_TERMS), min_size=2, max_size=2, unique_by=lambda one: one.name))
    entries, now = [], 0
    for place in range(draw(st.integers(0, 40))):
        now += draw(st.sampled_from([0, 1, 59, 600, HOUR, 3 * HOUR]))
        node, terms = draw(st.sampled_from(sorted(OWNERS))), draw(st.sampled_from([first, second]))
        seconds = draw(st.sampled_from([60, HOUR, 4 * HOUR]))
        made = draw(st.sampled_from([acquire(node, seconds, terms=terms), renew(node, seconds, terms), release(node, terms)]))
        entries.append(said(now, OWNERS[node], made, place))
    return first, second, entries


def _with_a_right(found: Reading) -> list[str]:
    """Return the nodes whose own gate would let them go by a lease."""
    return [node for node in OWNERS if for_node(found, node, {}, SIGNING).since is not None]


@given(_two_books())
def test_of_two_who_judge_by_different_terms_at_most_one_goes_by_its_lease(books: tuple[Terms, Terms, list[Stated]]) -> None:
    first, second, entries = books
    for count in range(len(entries) + 1):
        now = entries[count - 1].time if count else START
        seen = [read(entries[:count], now - START, terms) for terms in (first, second)]
        assert not all(_with_a_right(found) for found in seen)


@given(_two_books())
def test_only_what_was_written_under_a_readers_terms_holds_in_its_book(books: tuple[Terms, Terms, list[Stated]]) -> None:
    first, _, entries = books
    book = Book(first)
    for entry in entries:
        book.add(entry)
        assert all(one.terms == first.name for one in book.live(entry.time))
        for own in (True, False):
            alike = [one for one in book.reserved(entry.time) if (one.terms == first.name) == own]
            assert sum(one.power for one in alike) <= first.spare
        assert all(book.used(name, entry.time) <= DAILY_SECONDS for name in "abc")


@given(_two_books(), st.integers(0, 40))
def test_a_book_that_was_kept_goes_on_as_if_it_had_never_been_closed(books: tuple[Terms, Terms, list[Stated]], cut: int) -> None:
    first, _, entries = books
    whole, begun = Book(first), Book(first)
    said_whole = [whole.add(one) for one in entries]
    said_begun = [begun.add(one) for one in entries[:cut]]
    begun = Book(first, begun.kept, begun.doubts)
    assert [*said_begun, *(begun.add(one) for one in entries[cut:])] == said_whole
    assert (begun.kept, begun.doubts) == (whole.kept, whole.doubts)


def test_where_entries_are_missing_one_organisations_words_hide_no_lease_of_another() -> None:
    """The lease that was released in what is missing must not stand in the way of the one that was granted after it."""
    known = [said(0, "a", acquire("a-1", 4 * HOUR, terms=FOUR)), said(60, "b", acquire("b-1", terms=FOUR))]
    assert held(known, 90, FOUR) == ["a-1"]
    found = each_alone(Book(FOUR), known)
    assert [one.node for one in found.live(START + 90)] == ["a-1", "b-1"]
    flood = [
        said(at, "a", step)
        for at in range(200, 20_000, 60)
        for step in (acquire("a-1", 4 * HOUR, terms=FOUR), renew("a-1", HOUR))
    ]
    found = each_alone(found, flood)
    assert found.used("a", START + 20_000) <= DAILY_SECONDS
    assert {one.node for one in found.live(START + 3659)} == {"a-1", "b-1"}


def test_what_was_kept_belongs_to_one_genesis_and_one_set_of_terms_and_what_is_damaged_is_none(tmp_path: Path) -> None:
    file, pages = tmp_path / "leases.json", kept.Pages(read(HELD, 10).book, (4, 2))
    kept.keep(file, "genesis", pages)
    again = kept.opened(file, "genesis", SEVEN)
    assert (again.after, again.book.kept) == ((4, 2), pages.book.kept)
    nothing = ((0, 0), [])
    for genesis, terms in (("another", SEVEN), ("genesis", FOUR)):
        found = kept.opened(file, genesis, terms)
        assert (found.after, found.book.kept) == nothing
    for text in ("", "[]", "{}", file.read_text()[:-9], file.read_text().replace('"since"', '"when"')):
        file.write_text(text)
        found = kept.opened(file, "genesis", SEVEN)
        assert (found.after, found.book.kept) == nothing


# --- others go first ------------------------------------------------------------------------------------------------------


def test_after_four_hours_at_a_stretch_others_go_first() -> None:
    entries = [said(0, "a", acquire("a-1", 4 * HOUR, terms=FOUR)), said(4 * HOUR, "a", acquire("a-1", terms=FOUR))]
    assert "a has leases for 4 h at a stretch, of which 0 s are left" in read(entries, 4 * HOUR, FOUR).judged["14400-0-a"]
    early = said(4 * HOUR + REST_SECONDS - 1, "a", acquire("a-1", terms=FOUR))
    rested = said(4 * HOUR + REST_SECONDS, "a", acquire("a-1", terms=FOUR))
    assert held([*entries, early], 5 * HOUR, FOUR) == []
    assert held([*entries, rested], 5 * HOUR, FOUR) == ["a-1"]


def test_one_node_after_the_other_is_one_stretch_and_witnesses_are_none() -> None:
    entries = [said(at * HOUR, "a", acquire(f"a-{1 + at % 3}")) for at in range(4)]
    assert list(read(entries, 4 * HOUR).judged.values()) == [""] * 4
    assert "of which 0 s are left" in read([*entries, said(4 * HOUR, "a", acquire("a-1"))], 4 * HOUR).judged["14400-0-a"]
    quiet = terms_of([member(name, owner, int(name != "a-3")) for name, owner in OWNERS.items()], RULE)
    entries = [said(at * 4 * HOUR, "a", acquire("a-3", 4 * HOUR, terms=quiet)) for at in range(2)]
    assert list(read(entries, 8 * HOUR, quiet).judged.values()) == ["", ""]


@pytest.mark.parametrize("renews", [True, False])
@pytest.mark.parametrize("seconds", [60, 600, HOUR, LONGEST_SECONDS])
def test_whoever_asks_again_and_again_gets_its_turn_after_one_that_is_first_in_every_block(seconds: int, renews: bool) -> None:
    """One organisation's program stands first in every block; another asks now and then, and waits no longer than a stretch."""
    book, waited, since = Book(FOUR), 0, START
    for now in range(0, DAY_SECONDS, 60):
        for step in (acquire("a-1", seconds, terms=FOUR), *([renew("a-1", seconds, FOUR)] if renews else [])):
            book.add(said(now, "a", step))
        if now % 600 == 0 and book.add(said(now, "b", acquire("b-1", 60, terms=FOUR))) == "":
            waited, since = max(waited, START + now - since), START + now
            book.add(said(now, "b", release("b-1", FOUR), 1))
    assert 0 < waited <= STRETCH_SECONDS + REST_SECONDS
