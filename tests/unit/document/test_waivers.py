"""waivers.yml: what is refused, with its line, before any host is asked."""

from datetime import date

import pytest

from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.document.waivers import load_waivers
from tests.unit.document.written import inventory

TODAY = date(2026, 1, 10)
GOOD = "  - {control: ssh.forwarding, scope: tel-1, owner: Zhang Wei, reason: the migration needs it, expires: 2026-06-30}\n"


def loaded(tmp_path, rows):
    folder = inventory(tmp_path / "inventory")
    (folder / "waivers.yml").write_text(f"---\nwaivers:\n{rows}")
    return load_waivers(folder, load_consortium(folder), {"ssh.forwarding"}, TODAY)


def test_no_file_means_no_waivers(tmp_path):
    folder = inventory(tmp_path / "inventory")
    assert load_waivers(folder, load_consortium(folder)) == []


def test_a_good_waiver_is_read(tmp_path):
    (one,) = loaded(tmp_path, GOOD)
    assert (one.owner, one.expires) == ("Zhang Wei", date(2026, 6, 30))


def test_one_that_expired_is_read_too_because_the_report_must_say_whose_it_was(tmp_path):
    (one,) = loaded(tmp_path, GOOD.replace("2026-06-30", "2025-06-30"))
    assert one.expires < TODAY


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ssh.forwarding", "ssh.no-such", "no control 'ssh.no-such'"),
        ("tel-1", "nobody", "no organisation or host"),
        ("2026-06-30", "2028-06-30", "too far away"),
        ("reason: the migration needs it, ", "", "reason"),
        ("the migration needs it", "x", "reason"),
        ("owner: Zhang Wei", "owner: ''", "owner"),
        ("owner: Zhang Wei", "owner: '     '", "owner: says nothing"),
        ("owner: Zhang Wei", "owner: '\u200b\u2003...'", "owner: says nothing"),
        ("the migration needs it", "'- - - - - - - '", "reason: says nothing"),
        ("2026-06-30", "9999-12-31", "too far away"),
        ("scope: tel-1", "scope: tel-1, force: true", "force"),
        ("2026-06-30", "2026-13-45", "not YAML"),
        ("2026-06-30", "soon", "expires"),
    ],
)
def test_a_wrong_one_is_refused_with_its_place(tmp_path, old, new, words):
    with pytest.raises(InputError, match=words) as caught:
        loaded(tmp_path, GOOD.replace(old, new))
    assert "waivers.yml" in caught.value.where


def test_all_wrong_ones_are_named_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        loaded(
            tmp_path, GOOD.replace("tel-1", "nobody") + GOOD + GOOD.replace("ssh.forwarding", "ssh.none").replace("2026", "9999")
        )
    said = str(caught.value)
    assert [f"waivers.yml:{line}: {key}:" in said for line, key in ((3, "scope"), (5, "control"), (5, "expires"))] == [True] * 3


def test_the_line_is_named(tmp_path):
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, GOOD + GOOD.replace("tel-1", "nobody"))
    assert caught.value.where.endswith("waivers.yml:4")
