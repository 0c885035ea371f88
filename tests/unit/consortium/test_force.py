"""Whether hosts may be made what a file says, from what nodes tell of their chain and from the genesis at hand."""

import pytest

from nodeops.consortium.force import Known, judged, waived
from nodeops.consortium.kept import newest_kept
from nodeops.consortium.signatures.signed import Signed
from nodeops.core.finding import Verdict
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.founding.genesis import founding_mark
from tests.unit.consortium.samples import changed, first, witness
from tests.unit.ledger.cosmos.test_app_state import made

ONE, TWO = mark_of(first()), mark_of(changed(witness("gamma-2", "gamma")))
FORK = Mark(2, "f" * 64)
FOUNDED = Known({}, ONE, founded=True)

CASES = {
    "in force by the chain": (TWO, Known({"a": TWO}, ONE, True), Verdict.PASS, ""),
    "one node is behind": (TWO, Known({"a": ONE, "b": TWO, "c": TWO, "d": None}, ONE, True), Verdict.PASS, ""),
    "one node lies, or is the only one up to date": (
        TWO,
        Known({"a": ONE, "b": TWO, "c": None}, ONE, True, heights={"a": 100, "b": 900_000}),
        Verdict.FAIL,
        "only b tells of revision 2",
    ),
    "one node against many": (TWO, Known({"a": ONE, "b": ONE, "c": TWO}, ONE, True), Verdict.FAIL, "only c tells of revision 2"),
    "one node, and it was proven to this controller": (TWO, Known({"a": ONE, "b": TWO}, ONE, True, kept=TWO), Verdict.PASS, ""),
    "the word of the only node that can tell": (
        TWO,
        Known({"a": None, "b": TWO}, ONE, True),
        Verdict.PASS,
        "by the word of b alone",
    ),
    "one node names a later one": (ONE, Known({"a": ONE, "b": TWO}, ONE, True), Verdict.FAIL, "an older one"),
    "founding, by the genesis": (ONE, FOUNDED, Verdict.PASS, "no node of ours tells of another"),
    "before the chain is founded": (ONE, Known(), Verdict.PASS, "not founded yet"),
    "not agreed to": (TWO, Known({"a": ONE}, ONE, True), Verdict.FAIL, "not agreed to yet"),
    "replayed": (ONE, Known({"a": TWO}, ONE, True), Verdict.FAIL, "an older one"),
    "forked, or one byte changed": (FORK, Known({"a": TWO}, ONE, True), Verdict.FAIL, "(forked)"),
    "another founding file": (Mark(1, "f" * 64), FOUNDED, Verdict.FAIL, "(forked)"),
    "nobody can tell": (TWO, FOUNDED, Verdict.FAIL, "no node of ours can tell"),
    "nobody can tell, and it was kept": (TWO, Known({"a": None}, ONE, True, kept=TWO), Verdict.PASS, "kept here as in force"),
    "nobody can tell, and another was kept": (FORK, Known({}, ONE, True, kept=TWO), Verdict.FAIL, "no node of ours can tell"),
    "kept, and the chain says another": (FORK, Known({"a": TWO}, ONE, True, kept=FORK), Verdict.FAIL, "(forked)"),
    "a genesis that names none": (ONE, Known({}, None, True), Verdict.FAIL, "no node of ours can tell"),
}


ENOUGH = Signed(ONE, frozenset({"alpha", "beta"}), 2)
FEW = Signed(ONE, frozenset({"alpha"}), 2)
STANDS = {"founding": ONE, "founded": True, "votes": False}
SIGNED = {
    "the chain stands, enough signed": (TWO, Known({"a": ONE}, **STANDS, signed=ENOUGH), Verdict.PASS, "signed by alpha, beta"),
    "the chain stands, too few": (TWO, Known({"a": ONE}, **STANDS, signed=FEW), Verdict.FAIL, "signed by alpha; 2 organis"),
    "the chain moves: signatures do not count": (TWO, Known({"a": ONE}, ONE, True, signed=ENOUGH), Verdict.FAIL, "not agreed"),
    "signed after another one (forked)": (
        TWO,
        Known({"a": ONE}, **STANDS, signed=Signed(Mark(1, "e" * 64), frozenset({"alpha", "beta"}), 2)),
        Verdict.FAIL,
        "not agreed",
    ),
    "signed, and an older one (replayed)": (ONE, Known({"a": TWO}, **STANDS, signed=ENOUGH), Verdict.FAIL, "an older one"),
    "no chain, made before": (TWO, Known({"a": TWO}, votes=False, signed=FEW), Verdict.PASS, ""),
    "no chain, founding, enough": (
        ONE,
        Known({}, votes=False, signed=Signed(None, frozenset("ab"), 2)),
        Verdict.PASS,
        "signed by",
    ),
    "no chain, founding, nobody": (ONE, Known({}, votes=False, signed=Signed(None, frozenset(), 2)), Verdict.FAIL, "by nobody"),
    "founded, and another founding file is signed by enough": (
        Mark(1, "f" * 64),
        Known({"a": None}, **STANDS, signed=Signed(None, frozenset("ab"), 2)),
        Verdict.FAIL,
        "(forked)",
    ),
    "founded, and that one was kept": (Mark(1, "f" * 64), Known({}, **STANDS, kept=Mark(1, "f" * 64)), Verdict.FAIL, "(forked)"),
    "founded, and a node tells of that one": (
        Mark(1, "f" * 64),
        Known({"a": Mark(1, "f" * 64)}, **STANDS),
        Verdict.FAIL,
        "(forked)",
    ),
    "a genesis that names none, signed by enough": (
        ONE,
        Known({}, None, founded=True, votes=False, signed=Signed(None, frozenset("ab"), 2)),
        Verdict.FAIL,
        "signed by a, b",
    ),
    "no node tells, signed after the founding one": (TWO, Known({}, **STANDS, signed=ENOUGH), Verdict.PASS, "signed by alpha"),
    "no chain, signed after what was kept": (
        TWO,
        Known({}, votes=False, before=ONE, signed=ENOUGH),
        Verdict.PASS,
        "signed by alpha",
    ),
    "signed after what was not kept": (TWO, Known({}, votes=False, signed=ENOUGH), Verdict.FAIL, "signed by alpha"),
    "kept is another than the genesis says": (
        TWO,
        Known({}, **STANDS, before=Mark(1, "e" * 64), signed=Signed(Mark(1, "e" * 64), frozenset("ab"), 2)),
        Verdict.FAIL,
        "signed by a, b",
    ),
    "no chain, the one before was not kept": (TWO, Known({}, votes=False), Verdict.FAIL, "was not kept"),
}
CASES |= SIGNED
CASES |= {
    "a newcomer catches up, and it was kept": (TWO, Known({"a": ONE}, **STANDS, kept=TWO), Verdict.PASS, "kept here as in force"),
    "it catches up, and another was kept": (TWO, Known({"a": ONE}, **STANDS, kept=FORK), Verdict.FAIL, "not agreed"),
    "nodes have new blocks and tell of the one before": (TWO, Known({"a": ONE}, ONE, True, kept=TWO), Verdict.FAIL, "not agreed"),
}
BEHIND, AHEAD = {"a": ONE, "b": TWO, "c": TWO}, {"a": TWO, "b": FORK}
CASES |= {
    "silent, a newer one was kept": (
        ONE,
        Known({"a": None}, ONE, True, kept=ONE, newest=2),
        Verdict.FAIL,
        "an older one",
    ),
    "nodes are behind, a newer one was kept": (ONE, Known({"a": ONE}, ONE, True, newest=2), Verdict.FAIL, "an older one"),
    "the newest is the one kept last": (TWO, Known({}, ONE, True, kept=TWO, newest=2), Verdict.PASS, "kept here"),
    "behind by its height": (TWO, Known(BEHIND, ONE, True, heights={"a": 9, "b": 10, "c": 10}), Verdict.PASS, ""),
    "an older one at the same height": (
        TWO,
        Known(BEHIND, ONE, True, heights={"a": 10, "b": 10}),
        Verdict.FAIL,
        "of revision 1",
    ),
    "two of one number": (TWO, Known(AHEAD, ONE, True, heights={"a": 9, "b": 10}), Verdict.FAIL, "b of revision 2"),
}


@pytest.mark.parametrize(("own", "known", "verdict", "words"), CASES.values(), ids=CASES)
def test_what_is_in_force(own, known, verdict, words):
    found = judged(own, known)
    assert (found.verdict, words in found.actual) == (verdict, True), found


def test_the_highest_number_kept(tmp_path):
    assert newest_kept(tmp_path) == 0
    (tmp_path / "revisions" / "11.signatures").mkdir(parents=True)
    for name in ("2.yml", "10.yml", "x.yml", "010.yml", "12.yml.orig"):
        (tmp_path / "revisions" / name).write_text("")
    assert newest_kept(tmp_path) == 10


def test_a_lab_may_waive_it_and_only_what_fails_is_waived():
    assert waived(judged(TWO, FOUNDED)).verdict is Verdict.WAIVED
    assert waived(judged(ONE, FOUNDED)).verdict is Verdict.PASS


def test_a_genesis_names_the_file_that_it_was_made_from():
    found = founding_mark(made())
    assert found is not None
    assert found.revision == 1
    assert found != founding_mark(made(threshold=3))
