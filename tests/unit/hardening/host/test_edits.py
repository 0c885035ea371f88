"""Keys in vendors' files: set once, read back, and taken out again, also when somebody else wrote there meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from nodeops.hardening.host.edits import Key, rebased, value_of, with_keys

UMASK = Key("UMASK", "077", "\t")
MINLEN = Key("minlen", "15", " = ")
ROOT_LOGIN = Key("PermitRootLogin", "no", until="Match")
MAX_DAYS = Key("PASS_MAX_DAYS", "365", "\t", "at_most")


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ("", UMASK, "UMASK\t077\n"),
        ("# UMASK 022\nA 1\n", UMASK, "# UMASK 022\nA 1\nUMASK\t077\n"),
        ("UMASK\t\t022\nA 1\n", UMASK, "UMASK\t077\nA 1\n"),
        ("A 1\nUMASK 022\nUMASK 027\n", UMASK, "A 1\nUMASK\t077\n"),
        ("UMASKS 1\n", UMASK, "UMASKS 1\nUMASK\t077\n"),
        ("minlen=8\n", MINLEN, "minlen = 15\n"),
        ("# minlen = 8\n", MINLEN, "# minlen = 8\nminlen = 15\n"),
        ("permitrootlogin yes\n", Key("PermitRootLogin", "no"), "PermitRootLogin no\n"),
        # What is for everyone ends where the first block begins.
        ("A 1\nMatch User b\n\tX 1\n", ROOT_LOGIN, "A 1\nPermitRootLogin no\nMatch User b\n\tX 1\n"),
        ("match all\nPermitRootLogin yes\n", ROOT_LOGIN, "PermitRootLogin no\nmatch all\nPermitRootLogin yes\n"),
        (
            "PermitRootLogin yes\nMatch all\nPermitRootLogin yes\n",
            ROOT_LOGIN,
            "PermitRootLogin no\nMatch all\nPermitRootLogin yes\n",
        ),
    ],
)
def test_a_key_is_set_once(before, key, after):
    assert with_keys(before, [key]) == after
    assert with_keys(after, [key]) == after
    assert value_of(after, key) == key.value


@pytest.mark.parametrize(
    ("original", "present"),
    [
        ("UMASK\t022\nA 1\n", "UMASK\t077\nA 2\nB 3\n"),
        ("A 1\n", "A 2\nUMASK\t077\nB 3\n"),
        ("A 1\n", "A 2\nB 3\n"),
    ],
)
def test_what_others_wrote_stays_and_ours_goes(original, present):
    text = rebased(present, original, [UMASK])
    assert "A 2" in text and "B 3" in text
    assert value_of(text, UMASK) == value_of(original, UMASK)


LINES = some.lists(some.sampled_from(["A 1", "# UMASK 1", "UMASK 022", "UMASK\t027", "", "minlen=3"]), max_size=6)


@given(LINES)
def test_setting_and_taking_out_gives_the_original_back(lines):
    original = "".join(f"{line}\n" for line in lines)
    changed = with_keys(original, [UMASK, MINLEN])
    back = rebased(changed, original, [UMASK, MINLEN])
    assert sorted(back.split("\n")) == sorted(original.split("\n")) or not original.strip()
    assert value_of(back, UMASK) == value_of(original, UMASK)
    assert value_of(back, MINLEN) == value_of(original, MINLEN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PASS_MAX_DAYS 90\n", "PASS_MAX_DAYS 90\n"),
        ("PASS_MAX_DAYS 99999\n", "PASS_MAX_DAYS\t365\n"),
        ("PASS_MAX_DAYS -1\n", "PASS_MAX_DAYS\t365\n"),
        ("", "PASS_MAX_DAYS\t365\n"),
    ],
)
def test_a_limit_is_a_bound(before, after):
    assert with_keys(before, [MAX_DAYS]) == after


def test_what_somebody_made_stricter_since_is_his():
    original, ours = "A 1\nPASS_MAX_DAYS 99999\n", "A 1\nPASS_MAX_DAYS\t365\n"
    assert with_keys(original, [MAX_DAYS]) == ours
    assert value_of(rebased(ours.replace("365", "90"), original, [MAX_DAYS]), MAX_DAYS) == "90"
    assert value_of(rebased(ours.replace("365", "9999"), original, [MAX_DAYS]), MAX_DAYS) == "99999"


def test_a_key_that_others_had_not_goes_from_before_the_blocks():
    original = "A 1\nMatch all\nX 1\n"
    assert rebased(with_keys(original, [ROOT_LOGIN]), original, [ROOT_LOGIN]) == original
