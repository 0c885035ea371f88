"""The decision: every reason to refuse as a case, and for any facts at all, no state that was seen is ever signed again."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.backup.restore.plan import (
    OTHER_ORGANISATIONS,
    SILENT_COMMITS,
    Block,
    Decision,
    Facts,
    Holder,
    Mark,
    Remedy,
    Told,
    decide,
    raised,
    refusals,
)
from nodeops.core.errors import Refused

NOW, TIP = 1_800_000_000, 500
BOTH = frozenset({"beta", "gamma"})
WORDS = "the disk was pulled and lies on my desk"


def chain(tip: int = TIP, own: tuple[int, ...] = (), count: int = SILENT_COMMITS, signers: frozenset[str] = BOTH) -> Told:
    """Return blocks of one second each, the newest of now."""
    heights = range(tip, max(0, tip - count), -1)
    return Told("here", [Block(one, f"{one:064X}", NOW - (tip - one), 0, signers, one in own) for one in heights])


def facts(**changes: object) -> Facts:
    """Return facts that nothing stands against."""
    sound = Facts("alpha", NOW, 1.0, TIP, chain(), Holder.HERE, backup=Mark(400, 0, 3), local=Mark(450, 1, 2))
    return replace(sound, **changes)  # type: ignore[arg-type]


def test_what_nothing_stands_against_is_raised_above_everything() -> None:
    assert decide(facts(), "") == Decision(Mark(TIP + 1, 0, 0), ())


def forged(tip: int) -> Told:
    return Told("liar", [replace(block, hash="F" * 64) for block in chain(tip).blocks])


CASES = {
    "in use here": (facts(holder=Holder.RUNNING), "holder", Remedy.NONE),
    "old holder unknown": (facts(holder=Holder.UNKNOWN), "holder", Remedy.WORDS),
    "signs now": (facts(chain=chain(TIP + 5, (TIP + 3,))), "alive", Remedy.NONE),
    "signed the tip": (facts(chain=chain(own=(TIP,))), "silence", Remedy.TIME),
    "signed just within the window": (facts(chain=chain(own=(TIP - SILENT_COMMITS + 1,))), "silence", Remedy.TIME),
    "only another node saw its signature": (facts(others=(replace(chain(own=(TIP - 3,)), node="b"),)), "silence", Remedy.TIME),
    "the chain split": (facts(others=(forged(TIP),)), "disagreement", Remedy.NONE),
    "no block": (facts(chain=Told("here", ())), "tip", Remedy.TIME),
    "an old tip": (facts(now=NOW + 60), "tip", Remedy.TIME),
    "a tip of tomorrow": (facts(now=NOW - 60), "tip", Remedy.TIME),
    "one other organisation": (facts(chain=chain(signers=frozenset({"alpha", "beta"}))), "organisations", Remedy.WORDS),
    "a commit is missing": (facts(chain=Told("here", [b for b in chain().blocks if b.height != TIP - 7])), "window", Remedy.TIME),
    "too few commits": (facts(chain=chain(count=SILENT_COMMITS - 1)), "window", Remedy.TIME),
    "a backup above the tip": (facts(backup=Mark(TIP + 2)), "ahead", Remedy.TIME),
    "a state above the tip": (facts(local=Mark(TIP + 2)), "ahead", Remedy.TIME),
    "no state": (facts(backup=None, local=None), "state", Remedy.WORDS),
}


@pytest.mark.parametrize(("found", "reason", "remedy"), CASES.values(), ids=CASES)
def test_each_reason_refuses_alone_and_only_words_take_away_what_words_may(found: Facts, reason: str, remedy: Remedy) -> None:
    assert [(one.id, one.remedy) for one in refusals(found)] == [(reason, remedy)]
    with pytest.raises(Refused) as refused:
        decide(found, "")
    assert refused.value.where == reason
    assert refused.value.hint
    if remedy is Remedy.WORDS:
        assert decide(found, WORDS).overridden == (reason,)
        with pytest.raises(Refused):
            decide(found, "  ")
    else:
        with pytest.raises(Refused):
            decide(found, WORDS)


ALLOWED = {
    "silent for exactly the window": facts(chain=chain(count=SILENT_COMMITS + 1, own=(TIP - SILENT_COMMITS,))),
    "a young chain": facts(chain=chain(tip=3), backup=Mark(0), local=None, began=3),
    "a zero state, with the chain's evidence": facts(backup=Mark(0), local=Mark(0)),
    "it voted on the block after the tip": facts(local=Mark(TIP + 1, 2, 3)),
    "another member shows the same": facts(others=(replace(chain(), node="b"),)),
    "another member shows older blocks": facts(others=(replace(chain(TIP - 5), node="b"),)),
}


@pytest.mark.parametrize("found", ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed(found: Facts) -> None:
    assert decide(found, "").state == raised(found)


def test_a_refusal_that_nothing_takes_away_is_said_first() -> None:
    found = facts(holder=Holder.UNKNOWN, chain=chain(TIP + 5, (TIP + 5,)), backup=None, local=None)
    with pytest.raises(Refused) as refused:
        decide(found, WORDS)
    assert refused.value.where == "alive"


MARKS = st.none() | st.builds(Mark, st.integers(0, 30), st.integers(0, 5), st.integers(0, 3))
BLOCKS = st.builds(
    Block,
    st.integers(1, 30),
    st.sampled_from(["A" * 64, "B" * 64]),
    st.integers(NOW - 60, NOW + 60),
    st.integers(0, 5),
    st.frozensets(st.sampled_from(["alpha", "beta", "gamma"])),
    st.booleans(),
)
TOLD = st.builds(Told, st.just("n"), st.lists(BLOCKS, max_size=25))
WILD = st.builds(
    Facts,
    st.just("alpha"),
    st.integers(NOW - 60, NOW + 60),
    st.just(1.0),
    st.integers(0, 45),
    TOLD,
    st.sampled_from(Holder),
    MARKS,
    MARKS,
    st.lists(TOLD, max_size=2),
)


@st.composite
def nearly_sound(draw: st.DrawFn) -> Facts:
    """Return facts in which little is wrong: about half of them are allowed."""
    tip = draw(st.integers(1, 40))
    own = draw(st.sets(st.integers(max(1, tip - 30), tip), max_size=1))
    whole = [replace(one, own=one.height in own) for one in chain(tip, count=28).blocks]
    return Facts(
        "alpha",
        NOW + draw(st.integers(-35, 45)),
        1.0,
        draw(st.integers(tip - 1, tip + 1)),
        Told("here", whole[: draw(st.integers(18, 28))]),
        draw(st.sampled_from([Holder.HERE, Holder.HERE, Holder.UNKNOWN])),
        draw(st.none() | st.builds(Mark, st.integers(0, tip + 2), st.integers(0, 5), st.integers(0, 3))),
        draw(st.none() | st.builds(Mark, st.integers(0, tip + 2), st.integers(0, 5), st.integers(0, 3))),
    )


FACTS = WILD | nearly_sound()


@given(found=FACTS, because=st.sampled_from(["", WORDS]))
@settings(max_examples=200, deadline=None)
def test_for_any_facts_it_is_refused_or_above_everything_ever_seen(found: Facts, because: str) -> None:
    try:
        state = decide(found, because).state
    except Refused:
        return
    seen = [Mark(one.height, one.round, 3) for told in (found.chain, *found.others) for one in told.blocks]
    assert all(state > one for one in (*seen, *filter(None, (found.backup, found.local))))
    assert state > Mark(0, 0, 0)


@given(found=FACTS, because=st.sampled_from(["", WORDS]))
@settings(max_examples=200, deadline=None)
def test_for_any_facts_what_is_allowed_was_silent_is_of_now_and_is_known_to_others(found: Facts, because: str) -> None:
    try:
        overridden = decide(found, because).overridden
    except Refused:
        return
    blocks = [one for told in (found.chain, *found.others) for one in told.blocks]
    tip = max(blocks, key=lambda one: one.height)
    last = {one.height for one in blocks} & set(range(tip.height - SILENT_COMMITS + 1, tip.height + 1))
    assert len(last) == min(SILENT_COMMITS, tip.height)
    assert not any(one.own for one in blocks if one.height in last or one.height > found.began)
    assert abs(found.now - tip.seconds) <= 40
    assert found.holder is Holder.HERE or (found.holder is Holder.UNKNOWN and "holder" in overridden and because)
    others = {name for one in blocks for name in one.signers} - {"alpha"}
    assert len(others) >= OTHER_ORGANISATIONS or "organisations" in overridden
    assert set(overridden) <= {"holder", "organisations", "state"}


@given(found=FACTS)
@settings(max_examples=100, deadline=None)
def test_seeing_more_never_lowers_the_state(found: Facts) -> None:
    assert raised(replace(found, others=())) <= raised(found)
    assert raised(replace(found, backup=None)) <= raised(found)
