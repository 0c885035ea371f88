"""A segment is acknowledged when its bytes were read back from the remote, and for nothing less."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.disk.ship import rclone as ship_module
from nodeops.disk.ship import rules
from nodeops.disk.ship.rclone import read_acks, recheck, require_private, ship
from nodeops.disk.ship.rules import (
    Ack,
    ShipSettings,
    ack_lines,
    acknowledged,
    batches,
    call_seconds,
    check_command,
    copy_command,
    judged,
    parse_acks,
    require_remote,
)
from nodeops.logstore.naming import Segment
from tests.unit.disk.ship.samples import configuration, damage, local_remote, needs_rclone, segment

SETTINGS = ShipSettings("vault:logs", Path("/etc/nodeops/rclone.conf"), 1_000_000)
ACK = Ack("ledger.0-1.zst", "a" * 64, 7, "vault:logs", 5.0)


@pytest.fixture
def sealed(tmp_path):
    folder = tmp_path / "sealed"
    folder.mkdir()
    return folder


def test_acknowledgements_survive_the_file():
    other = replace(ACK, name="b", when=6.5)
    assert parse_acks(ack_lines([ACK, other])) == {ACK.name: ACK, "b": other}


def test_the_newest_acknowledgement_counts():
    newer = replace(ACK, stored="b" * 64)
    assert parse_acks(ack_lines([ACK, newer])) == {ACK.name: newer}


DAMAGED = {
    "half a line": ack_lines([ACK])[:-20],
    "no JSON": b"x\n",
    "another type": b"[1]\n",
    "no digest": json.dumps({"name": "a", "stored": "", "size": 1, "remote": "r:", "when": 1}).encode(),
    "no time": json.dumps({"name": "a", "stored": "a" * 64, "size": 1, "remote": "r:", "when": None}).encode(),
    "deep": b"[" * 100_000,
    "NULs of a crash": b"\0" * 4096,
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_acknowledges_nothing_and_spoils_no_other(line):
    assert parse_acks(ack_lines([ACK]) + line + b"\n" + ack_lines([replace(ACK, name="b")])).keys() == {ACK.name, "b"}


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_acknowledgements(data):
    parse_acks(data)


def test_an_acknowledgement_is_for_one_content_and_one_remote(sealed):
    one = segment(sealed, 1)
    good = Ack(one.name, one.stored, one.size, "vault:logs", 1.0)
    assert acknowledged(one, {one.name: good}, "vault:logs")
    assert not acknowledged(one, {}, "vault:logs")
    assert not acknowledged(one, {one.name: good}, "vault:other")
    assert not acknowledged(replace(one, stored="b" * 64), {one.name: good}, "vault:logs")


@given(st.lists(st.integers(1, 3 * rules.BATCH_BYTES), max_size=80))
def test_groups_hold_everything_once_and_are_no_larger_than_one_call_may_be(sizes):
    segments = [replace(_FAKE, start=number, size=size) for number, size in enumerate(sizes)]
    groups = list(batches(segments))
    assert [each for group in groups for each in group] == segments
    for group in groups:
        assert len(group) == 1 or sum(each.size for each in group) <= rules.BATCH_BYTES
        assert len(group) <= rules.BATCH_FILES


_FAKE = Segment("ledger", 0, 1, 1, 0.0, 1.0, "0" * 64, "0" * 64, 1, "ledger.zst")


def test_a_call_has_the_time_that_a_slow_remote_needs_and_ends():
    large = [replace(_FAKE, size=64 << 20)]
    assert 1000 < call_seconds(large, 0) < 1200
    assert call_seconds(large, 10_000) > (64 << 20) / 10_000
    assert call_seconds([], 0) == 60


REMOTES = ["vault:", "vault:logs/node-1", "s3.eu-1:bucket/a b"]
NO_REMOTES = {
    "a folder": "/srv/logs",
    "settings in the argument": ":sftp,host=a,pass=b:logs",
    "options in the argument": "vault,pass=b:logs",
    "an option": "--config=x:y",
    "a way out": "vault:logs/../keys",
    "a line": "vault:logs\nx",
    "nothing": "",
}


@pytest.mark.parametrize("remote", REMOTES)
def test_a_name_of_the_configuration_is_a_remote(remote):
    require_remote(remote)


@pytest.mark.parametrize("remote", NO_REMOTES.values(), ids=NO_REMOTES)
def test_what_may_carry_secrets_or_lead_elsewhere_is_no_remote(remote):
    with pytest.raises(InputError, match="is not a remote"):
        require_remote(remote)


def test_rclone_is_told_to_copy_and_never_to_remove():
    command = copy_command(SETTINGS, Path("/var/log/ledger/sealed"), again=False)
    assert command[:2] == ["rclone", "copy"]
    assert {"--config=/etc/nodeops/rclone.conf", "--checksum", "--bwlimit=1000000B", "--ask-password=false"} <= set(command)
    assert command[-3:] == ["--", "/var/log/ledger/sealed", "vault:logs"]
    assert not {"sync", "move", "delete", "--delete-after"} & {*command, *check_command(SETTINGS, Path("sums"))}


def test_what_is_read_back_is_read_in_full():
    assert {"checksum", "--download", "--one-way", "sha256"} <= set(check_command(SETTINGS, Path("sums")))


def test_rclones_list_is_understood_and_silence_is_not_consent():
    names = ["a", "b", "c", "d", "e f", "g"]
    segments = [replace(_FAKE, name=name) for name in names]
    assert judged(b"= a\n* b\n+ c\n! d\n= e f\n= strange\n? g\n", segments) == {
        "a": "same", "b": "differs", "c": "missing", "d": "unreadable", "e f": "same", "g": "unknown"
    }  # fmt: skip
    assert judged(b"", segments[:1]) == {"a": "unknown"}


OPEN = {"for others": 0o604, "for the group": 0o640, "to be changed by others": 0o602}


@pytest.mark.parametrize("mode", OPEN.values(), ids=OPEN)
def test_a_configuration_that_others_may_read_or_change_is_refused(tmp_path, mode):
    path = configuration(tmp_path, "")
    path.chmod(mode)
    with pytest.raises(HostError, match="chmod 600"):
        require_private(path)


def test_a_configuration_that_is_a_link_or_missing_is_refused(tmp_path):
    path = configuration(tmp_path, "")
    (tmp_path / "link").symlink_to(path)
    for name, said in (("link", "regular file"), ("none", "No such file")):
        with pytest.raises(HostError, match=said):
            require_private(tmp_path / name)


def test_nothing_was_shipped_yet(tmp_path):
    assert read_acks(tmp_path / "acks") == {}


def test_only_one_ships_at_a_time(tmp_path, sealed):
    settings = replace(SETTINGS, config=configuration(tmp_path, ""))
    with ship_module._opened(tmp_path / "acks"), pytest.raises(Refused, match="already"):
        ship(settings, sealed, [], tmp_path / "acks")


def test_a_half_written_line_spoils_only_itself(tmp_path):
    path = tmp_path / "acks"
    path.write_bytes(ack_lines([ACK])[:-9])
    with ship_module._opened(path) as handle:
        ship_module._append(handle, path, ack_lines([replace(ACK, name="b")]))
    assert read_acks(path).keys() == {"b"}


@needs_rclone
def test_segments_are_copied_read_back_and_acknowledged_once(tmp_path, sealed):
    settings, kept = local_remote(tmp_path)
    segments = [segment(sealed, number) for number in range(3)]
    done = ship(settings, sealed, segments, tmp_path / "acks")
    assert (len(done.acked), done.refused) == (3, {})
    assert all(kept.joinpath(each.name).read_bytes() == sealed.joinpath(each.name).read_bytes() for each in segments)
    assert all(acknowledged(each, read_acks(tmp_path / "acks"), settings.remote) for each in segments)
    assert ship(settings, sealed, segments, tmp_path / "acks").acked == []
    assert len((tmp_path / "acks").read_bytes().splitlines()) == 3
    damage(kept / segments[1].name)
    (kept / segments[2].name).unlink()
    assert recheck(settings, done.acked) == {segments[1].name: "differs", segments[2].name: "missing"}


@needs_rclone
def test_a_file_that_changed_after_it_was_sealed_is_never_acknowledged(tmp_path, sealed):
    settings, _ = local_remote(tmp_path)
    good, bad = segment(sealed, 1), segment(sealed, 2)
    damage(sealed / bad.name)
    done = ship(settings, sealed, [good, bad], tmp_path / "acks")
    assert ([ack.name for ack in done.acked], done.refused) == ([good.name], {bad.name: "differs"})


@needs_rclone
def test_a_link_in_the_place_of_a_segment_is_not_followed(tmp_path, sealed):
    settings, kept = local_remote(tmp_path)
    secret = tmp_path / "priv_validator_key.json"
    secret.write_text("secret")
    one = segment(sealed, 1)
    (sealed / one.name).unlink()
    (sealed / one.name).symlink_to(secret)
    done = ship(settings, sealed, [one], tmp_path / "acks")
    assert (done.acked, done.refused) == ([], {one.name: "is not the file here that was sealed"})
    ship_module._copy(settings, sealed, [one], again=False)
    assert not kept.exists()


@needs_rclone
def test_what_was_purged_meanwhile_is_nobodys_concern(tmp_path, sealed):
    settings, _ = local_remote(tmp_path)
    gone, there = segment(sealed, 1), segment(sealed, 2)
    (sealed / gone.name).unlink()
    done = ship(settings, sealed, [gone, there], tmp_path / "acks")
    assert ([ack.name for ack in done.acked], done.refused) == ([there.name], {})


@needs_rclone
def test_a_remote_that_cannot_be_written_is_said(tmp_path, sealed):
    settings, kept = local_remote(tmp_path)
    kept.write_text("a file where the folder should be")
    with pytest.raises(HostError, match="not a directory"):
        ship(settings, sealed, [segment(sealed, 1)], tmp_path / "acks")
    assert read_acks(tmp_path / "acks") == {}


@needs_rclone
def test_a_remote_that_is_not_in_the_configuration_is_said(tmp_path, sealed):
    settings, _ = local_remote(tmp_path)
    with pytest.raises(HostError, match="didn't find section"):
        ship(replace(settings, remote="nobody:logs"), sealed, [segment(sealed, 1)], tmp_path / "acks")
    assert read_acks(tmp_path / "acks") == {}
