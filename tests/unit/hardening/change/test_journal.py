"""What is kept of a host survives being read back, and damage is an error that says where."""

import pytest

from nodeops.core.errors import HostError
from nodeops.hardening.change import journal
from nodeops.hardening.change.journal import Journal, Kept

OLD = Kept(applied=["a.b"], originals={"file /etc/x": None}, written={"/etc/x": "0"})
NEW = Kept(applied=["a.b", "c.d"], originals={"sysctl net.ipv4.ip_forward": "1"}, installed=["hello"])
CHANGE = Journal(before=[("file /etc/x", None), ("sysctl net.ipv4.ip_forward", "1")], old=OLD, new=NEW, reloads=[["true"]])


def test_a_host_that_was_never_hardened_keeps_nothing(tmp_path):
    assert journal.kept(tmp_path) == Kept()
    assert journal.journal(tmp_path) is None
    assert journal.committed(tmp_path) is None


def test_what_is_kept_is_read_back(tmp_path):
    journal.keep(tmp_path, NEW)
    assert journal.kept(tmp_path) == NEW


def test_a_change_is_a_journal_until_it_is_committed_by_one_rename(tmp_path):
    journal.open_journal(tmp_path, CHANGE)
    assert journal.journal(tmp_path) == CHANGE
    journal.commit_journal(tmp_path)
    assert (journal.journal(tmp_path), journal.committed(tmp_path)) == (None, CHANGE)
    journal.close_journal(tmp_path)
    assert journal.committed(tmp_path) is None


def test_nobody_but_root_reads_what_is_kept(tmp_path):
    journal.open_journal(tmp_path, CHANGE)
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "\x00"])
def test_damage_is_told_with_its_place(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(HostError) as caught:
        journal.kept(tmp_path)
    assert "state.json" in caught.value.where
