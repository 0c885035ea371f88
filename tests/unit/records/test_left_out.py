"""Who is named for leaving an author out, and who never is; and what is kept of it."""

from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.records.left_out import LeftOut, Passes, left_out, noted
from nodeops.records.passes import PassesFile

TEN = "0" * 10
NAMED: dict[str, tuple[Passes, list[LeftOut]]] = {
    "one leaves out, nobody else does": ({"A": "1111", "B": TEN, "C": "111111"}, [LeftOut("B", 10, 10, 10)]),
    "two of five do": (
        {"A": "1" * 10, "B": TEN, "C": TEN, "D": "1", "E": "1"},
        [LeftOut("B", 10, 12, 12), LeftOut("C", 10, 12, 12)],
    ),
    "others are late at times": ({"A": "1110111011", "B": TEN, "C": "1"}, [LeftOut("B", 10, 9, 11)]),
    "this node hands on nothing, and its own validator holds all": ({"A": "1" * 10, "B": TEN, "C": TEN, "D": TEN}, []),
    "the same before all had ten": ({"A": "1" * 10, "B": TEN, "C": "0"}, []),
    "as one in four": ({"A": "1110" * 2, "B": TEN, "C": "1110"}, [LeftOut("B", 10, 9, 12)]),
    "who comes first is always late, and nobody else came first": ({"B": TEN, "A": "1" * 9}, []),
    "what this node hands on is late everywhere": ({"A": "1100110011", "B": TEN, "C": "11"}, []),
    "full blocks, whoever proposes": ({"A": "0000000001", "B": TEN, "C": "0000100000"}, []),
    "nobody holds it": ({"A": TEN, "B": TEN, "C": TEN, "D": TEN}, []),
    "it held one of the ten": ({"A": "1" * 10, "B": "0000100000", "C": "1" * 10}, []),
    "it had nine blocks": ({"A": "1" * 10, "B": "0" * 9, "C": "1" * 10}, []),
    "others had nine": ({"A": "11111", "B": TEN, "C": "1111"}, []),
    "it is alone": ({"B": TEN}, []),
    "nothing is known": ({}, []),
}


@pytest.mark.parametrize("case", NAMED)
def test_named_is_who_leaves_out_what_others_hold(case: str) -> None:
    passes, named = NAMED[case]
    assert left_out(passes) == named


def test_only_the_newest_blocks_of_each_count() -> None:
    assert noted({}, "B", held=True) == {"B": "1"}
    assert noted({"A": "1", "B": "1" * 10}, "B", held=False) == {"A": "1", "B": "1" * 9 + "0"}
    assert noted({"B": "1" + "0" * 9}, "B", held=False) == {"B": TEN}


def test_it_is_kept_for_each_author_and_one_genesis(tmp_path: Path) -> None:
    PassesFile(tmp_path, "one").note("author", "A", held=True)
    PassesFile(tmp_path, "one").note("author", "B", held=False)
    PassesFile(tmp_path, "one").note("other", "B", held=True)
    assert [PassesFile(tmp_path, "one").of(who) for who in ("author", "other")] == [{"A": "1", "B": "0"}, {"B": "1"}]
    assert PassesFile(tmp_path, "two").of("author") == {}


@pytest.mark.parametrize("text", ["", "{", '{"genesis": "one", "authors": {"author": {"A": "2"}}}', '{"genesis": "one"}'])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "left_out.json").write_text(text)
    assert PassesFile(tmp_path, "one").of("author") == {}
    PassesFile(tmp_path, "one").note("author", "A", held=True)
    assert PassesFile(tmp_path, "one").of("author") == {"A": "1"}


def test_where_nothing_can_be_kept_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot be written"):
        PassesFile(tmp_path / "absent", "one").note("author", "A", held=True)
