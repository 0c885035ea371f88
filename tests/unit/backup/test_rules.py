"""What decides about backups, in tables: settings, locks, ages, and that no key is among the state."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nodeops.backup.policy import (
    Last,
    Lock,
    Snapshot,
    Tip,
    by_block,
    judge_age,
    judge_history,
    judge_last,
    judge_place,
    may_clear,
    state_paths,
    tags,
    whole,
)
from nodeops.backup.reach import ssh_options
from nodeops.backup.settings import parse_settings, read_settings, without_secrets
from nodeops.core.errors import HostError, InputError, Refused
from nodeops.core.finding import Verdict
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from tests.contract.rules.tree import ROOT

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOT_HERE = "not_testable_here"
SFTP, SSH = "RESTIC_REPOSITORY=sftp://s@h/f\nRESTIC_PASSWORD=p\n", "BACKUP_SSH_KEY=/k\nBACKUP_SSH_KNOWN_HOSTS=/h\n"
GOOD = "RESTIC_REPOSITORY=rest:https://cu-1:word@backup.example/cu-1\nRESTIC_PASSWORD=pass=word\n"


@pytest.fixture
def document():
    return resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})


def test_no_key_is_among_the_state(document):
    assert not [path for path in state_paths(document) if path.startswith(document.ledger.paths["keys"])]


@pytest.mark.parametrize("keys", ["/var/lib/nodeops/keys", "/var/lib", "/var/lib/nodeops"])
def test_a_path_that_holds_keys_or_lies_among_them_is_refused(document, keys):
    ledger = document.ledger.model_copy(update={"paths": {**document.ledger.paths, "keys": keys}})
    with pytest.raises(InputError, match="keys"):
        state_paths(document.model_copy(update={"ledger": ledger}))


def test_tags_name_node_class_document_and_tip(document):
    found = tags(document, Tip(7, "AB", "CD"))
    assert found == {**tags(document, None), "height": "7", "block": "AB", "app": "CD"}
    assert (found["node"], found["class"], found["document"]) == ("cu-1", "b", document.consortium_digest)


@pytest.mark.parametrize(
    ("locks", "expected"), [([], False), ([Lock("a", 7, False)], True), ([Lock("a", 7, True)], "7"), ([Lock("b", 7, False)], "b")]
)
def test_only_locks_of_our_own_dead_are_cleared(locks, expected):
    if isinstance(expected, bool):
        assert may_clear(locks, "a") is expected
    else:
        with pytest.raises(Refused, match=expected):
            may_clear([Lock("a", 1, False), *locks], "a")


@pytest.mark.parametrize(
    ("ages", "verdict"),
    [([], "fail"), ([0.1], "pass"), ([1], "pass"), ([1.1], "fail"), ([3, 0.5], "pass"), ([0.5, -1], "fail"), ([-0.001], "pass")],
)
def test_ages(ages, verdict):
    found = [Snapshot("x", "cu-1", NOW - age * DAY, {}, ()) for age in ages]
    assert judge_age(found, NOW, DAY).verdict is Verdict(verdict)


@pytest.mark.parametrize(
    ("marked", "kept"),
    [([], []), (["one"], ["one"]), (["one", "two"], ["one", "two"]), (["elsewhere"], []), (["two", "two"], ["two"])],
)
def test_only_what_a_mark_names_is_whole(marked, kept):
    found = [Snapshot(name, "cu-1", NOW, {"class": "b"}, ()) for name in ("one", "two")]
    marks = [Snapshot(f"m{number}", "cu-1", NOW, {"class": "mark", "of": name}, ()) for number, name in enumerate(marked)]
    assert [one.id for one in whole([*marks, *found])] == kept


ORDERS = {
    "by time and block alike": ([("a", "5", 3), ("b", "6", 2), ("c", "7", 1)], 9, "abc"),
    "the last one's clock was a day behind": ([("a", "5", 1), ("b", "6", 2)], 9, "ab"),
    "the first one's clock was a day ahead": ([("a", "5", -1), ("b", "6", 0)], 9, "ab"),
    "a chain that stood still": ([("b", "5", 1), ("a", "5", 2)], 9, "ab"),
    "made while the ledger was silent": ([("a", "5", 3), ("b", None, 2), ("c", "6", 1)], 9, "abc"),
    "the newest made while the ledger was silent": ([("a", "5", 3), ("b", "6", 2), ("c", None, 1)], 9, "abc"),
    "no ledger ever answered": ([("b", None, 1), ("a", None, 2)], 9, "ab"),
    "one claims a block that is to come": ([("b", "5", 2), ("a", "99", 1), ("c", "6", 0)], 9, "abc"),
    "one claims such a block and a time to come": ([("b", "5", 2), ("c", None, 1), ("a", "99", -1)], 9, "abc"),
    "one claims no number": ([("a", "-3", 0), ("b", "1", 1)], 9, "ab"),
    "one claims another alphabet's number": ([("a", "\u0663", 0), ("b", "1", 1)], 9, "ab"),
    "the tip is not known: the chain will tell": ([("b", "99", 2), ("a", "6", 1)], None, "ab"),
    "the block that is the tip": ([("b", "9", 2), ("a", "8", 1)], 9, "ab"),
}


@pytest.mark.parametrize(("made", "tip", "order"), ORDERS.values(), ids=ORDERS)
def test_what_is_newest_is_told_by_its_block(made, tip, order):
    found = [Snapshot(name, "cu-1", NOW - days * DAY, {"height": said} if said else {}, ()) for name, said, days in made]
    assert "".join(one.id for one in by_block(found, tip)) == order


@pytest.mark.parametrize(("last", "verdict"), [(None, "not_applicable"), ("x", "pass"), ("y", "fail")])
def test_what_was_made_last_must_be_there(last, verdict):
    made = Last(last, NOW, 1, 1, 1.0) if last else None
    assert judge_history([Snapshot("x", "cu-1", NOW, {}, ())], made).verdict is Verdict(verdict)


@pytest.mark.parametrize(
    ("age", "error", "configured", "verdict"),
    [
        (None, "", False, "not_applicable"),
        (0.1, "", False, "not_applicable"),
        (None, "", True, "warn"),
        (None, "down", True, "fail"),
        (0.5, "", True, "pass"),
        (0.5, "down", True, "warn"),
        (1.1, "", True, "fail"),
        (1.1, "down", True, "fail"),
        # A clock that is a little ahead, and one that was set back by a year.
        (-0.001, "", True, "pass"),
        (-365, "", True, "fail"),
    ],
)
def test_what_a_host_remembers_is_judged(age, error, configured, verdict):
    last = None if age is None else Last("x", NOW - age * DAY, 1, 1, 1.0)
    found = judge_last(last, error, configured, NOW, DAY)
    assert (found.verdict, error in found.actual) == (Verdict(verdict), True if configured else not error)


def test_settings_are_read_and_their_values_hidden():
    found = parse_settings(f"# a comment\n\n{GOOD}", "backup.env")
    assert found["RESTIC_PASSWORD"] == "pass=word"
    shown = without_secrets("rest:https://cu-1:word@backup.example/cu-1 https://cu-1:word@backup.example/x pass=word", found)
    assert "word" not in shown.replace("PASSWORD", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RESTIC_PASSWORD=s3cr3t",
        f"{GOOD}RESTIC_PASSWORD=s3cr3t",
        f"{GOOD}s3cr3t",
        f"{GOOD}PATH=/s3cr3t",
        GOOD.replace("https", "http"),
        f"{GOOD}BACKUP_LIMIT_UPLOAD=0",
        f"{GOOD}BACKUP_LIMIT_UPLOAD=s3cr3t",
        f"{SFTP}BACKUP_SSH_KEY=/k\n",
        f"{SFTP}BACKUP_SSH_KEY=k\nBACKUP_SSH_KNOWN_HOSTS=/h\n",
        f"{SFTP}{SSH}".replace("sftp://s", "sftp://-s"),
        f"{SFTP}{SSH}".replace("@h", "@-oProxyCommand=s3cr3t"),
        f"{SFTP}{SSH}".replace("@h", "@h s3cr3t"),
    ],
)
def test_wrong_settings_are_refused_without_being_repeated(text):
    with pytest.raises(InputError) as error:
        parse_settings(text, "backup.env")
    assert "s3cr3t" not in str(error.value)
    assert "word@" not in str(error.value)


@pytest.mark.parametrize(
    ("place", "end"), [("h:2222/f", "-oPort=2222 s@h -s sftp"), ("[fd00::1]//f", "-oPort=22 s@fd00::1 -s sftp")]
)
def test_ssh_is_told_all_and_nothing_else(place, end):
    found = parse_settings(f"{SFTP}{SSH}".replace("h/f", place, 1), "backup.env")
    option, command = ssh_options(found)
    assert option == "--option"
    assert command.startswith("sftp.command=ssh -F none -oBatchMode=yes ") and command.endswith(end)
    assert "-oStrictHostKeyChecking=yes" in command and "-oIdentityFile=/k" in command and "-oUserKnownHostsFile=/h" in command
    assert ssh_options(parse_settings(GOOD, "backup.env")) == []


@pytest.mark.parametrize(
    ("place", "verdict"),
    [("rest:https://a/b", "pass"), ("/a", "pass"), ("sftp://a@b/c", "pass"), ("s3:https://a/b", "pass"), ("b2:a:b", NOT_HERE)],
)
def test_a_kind_of_repository_that_no_test_uses_is_said(place, verdict):
    assert judge_place(place).verdict is Verdict(verdict)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_settings_that_others_may_read_are_refused(tmp_path, mode):
    file = tmp_path / "backup.env"
    file.write_text(GOOD)
    file.chmod(mode)
    with pytest.raises(HostError, match="owner alone"):
        read_settings(file)
