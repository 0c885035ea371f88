"""Keys in quarantine: only this node's own are taken, they move whole, and a signing state only ever rises."""

import io
import json
import os
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nodeops.backup.policy import Snapshot
from nodeops.backup.restore.keys import read_keys
from nodeops.backup.restore.plan import Holder, Mark
from nodeops.backup.restore.quarantine import Journal, Quarantine, mark_of
from nodeops.backup.restore.run import chosen
from nodeops.core.errors import HostError, InputError, NodeopsError, Refused
from nodeops.ledger.identity.files import Layout, ensure
from nodeops.ledger.identity.plan import Seen, State, Step, decide
from nodeops.ledger.identity.record_key import made_record_key
from tests.unit.firewall.samples import document
from tests.unit.ledger.made_keys import USED_STATE, identity_of, node_key_file, pair, validator_key_file

ME = (os.getuid(), os.getgid())
OWN = pair("cu-1")[1]


@pytest.fixture
def box(tmp_path: Path) -> Quarantine:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    keys, data = home / "keys", home / "data"
    at = Layout(keys, keys / "node_key.json", keys / "priv_validator_key.json", data, data / "state.json", ME, ME)
    return Quarantine(document(), at)


def files(seed: str = "cu-1") -> dict[str, bytes]:
    return {"node_key.json": node_key_file(seed), "priv_validator_key.json": validator_key_file(seed)}


def archive(content: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return io.BytesIO(out.getvalue())


def test_own_keys_are_taken_and_nobody_else_may_read_them(box: Quarantine) -> None:
    box.receive(read_keys(archive(files())), OWN)
    assert box.holds_keys() and not box.keys_in_place()
    assert {oct(path.stat().st_mode & 0o777) for path in (box.folder, box.folder / "keys")} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in (box.folder / "keys").iterdir()} == {"0o600"}
    assert box.identity(OWN).validator_key.value == OWN


def test_a_key_for_records_comes_with_them_and_a_damaged_one_is_refused_first(box: Quarantine) -> None:
    author = replace(box, at=replace(box.at, record_key=box.at.keys / "record_key.pem"))
    with pytest.raises(HostError, match="not an ed25519 private key in PEM"):
        author.receive({**files(), "record_key.pem": b"damaged"}, OWN)
    assert not author.folder.exists()
    pem = made_record_key()
    author.receive({**files(), "record_key.pem": pem}, OWN)
    kept = author.folder / "keys/record_key.pem"
    assert (kept.read_bytes(), oct(kept.stat().st_mode & 0o777)) == (pem, "0o400")


STRANGE = {
    "another node's": archive(files("cu-2")),
    "no validator key": archive({"node_key.json": node_key_file("cu-1")}),
    "no node key": archive({"priv_validator_key.json": validator_key_file("cu-1")}),
    "an empty archive": archive({}),
    "no archive": io.BytesIO(b"hello"),
    "nothing": io.BytesIO(b""),
    "too much": io.BytesIO(b"\0" * (2 << 20)),
    "a large file": archive({"node_key.json": b"x" * 100_000}),
}


@pytest.mark.parametrize("stream", STRANGE.values(), ids=STRANGE)
def test_other_keys_are_refused_without_a_word_of_them(box: Quarantine, stream: io.BytesIO) -> None:
    with pytest.raises(NodeopsError) as refused:
        box.receive(read_keys(stream), OWN)
    assert not box.folder.exists()
    for secret in (pair("cu-1")[0], pair("cu-2")[0], pair("node cu-1")[0]):
        assert secret not in str(refused.value)


@pytest.mark.parametrize("seed", ["cu-1", "cu-2"])
def test_keys_are_not_taken_beside_keys(box: Quarantine, seed: str) -> None:
    box.at.keys.mkdir()
    for name, data in files(seed).items():
        (box.at.keys / name).write_bytes(data)
    if seed == "cu-1":
        box.receive(files(), OWN)
    else:
        with pytest.raises(InputError):
            box.receive(files(), OWN)
    assert not box.folder.exists()


def test_a_node_key_that_members_do_not_know_is_refused(box: Quarantine) -> None:
    box.receive(files(), OWN, identity_of("cu-1", "alpha").node_id)
    other = {**files(), "node_key.json": node_key_file("cu-2")}
    with pytest.raises(InputError, match="members know"):
        box.receive(other, OWN, identity_of("cu-1", "alpha").node_id)


def test_keys_that_come_twice_are_taken_once(box: Quarantine) -> None:
    box.receive(files(), OWN)
    before = {path: path.stat().st_ino for path in (box.folder / "keys").iterdir()}
    box.receive(files(), OWN)
    assert {path: path.stat().st_ino for path in (box.folder / "keys").iterdir()} == before


def test_what_opens_the_backups_comes_with_the_keys_and_replaces_nothing(box: Quarantine, tmp_path: Path) -> None:
    paths = {
        **box.document.paths,
        "etc": str(tmp_path / "etc"),
        "backup_certificate": str(tmp_path / "etc/backup/repository.pem"),
    }
    there = Quarantine(box.document.model_copy(update={"paths": paths}), box.at)
    given = {**files(), "backup.env": b"A=1\n", "repository.pem": b"cert"}
    assert [file.name for file in there.take_settings(given)] == ["backup.env", "repository.pem"]
    assert (tmp_path / "etc/backup.env").stat().st_mode & 0o777 == 0o600
    assert there.take_settings({**given, "backup.env": b"B=2\n"}) == []
    assert (tmp_path / "etc/backup.env").read_bytes() == b"A=1\n"


def test_keys_in_place_move_into_quarantine_and_no_new_ones_are_made_meanwhile(box: Quarantine) -> None:
    box.at.keys.mkdir(0o700)
    for name, data in files().items():
        (box.at.keys / name).write_bytes(data)
    box.make()
    box.take_keys()
    assert box.holds_keys() and not box.at.keys.exists()
    box.take_keys()
    with pytest.raises(Refused, match="under way"):
        ensure(box.at, Path("/bin/false"))
    assert {path.name: path.read_bytes() for path in (box.folder / "keys").iterdir()} == files()


def test_a_journal_is_found_again(box: Quarantine) -> None:
    assert box.journal() is None
    box.make()
    box.write(Journal(Holder.UNKNOWN, "the disk is gone", "abc"))
    assert box.journal() == Journal(Holder.UNKNOWN, "the disk is gone", "abc")
    (box.folder / "journal.json").write_text("{")
    with pytest.raises(HostError, match="damaged"):
        box.journal()


@pytest.mark.parametrize("state", [Mark(16), Mark(17), Mark(17, 0, 2), Mark(17, 0, 3), Mark(0)])
def test_a_signing_state_is_never_lowered(box: Quarantine, state: Mark) -> None:
    box.at.state.write_bytes(USED_STATE)
    with pytest.raises(HostError, match="not below"):
        box.raise_state(state)
    assert box.at.state.read_bytes() == USED_STATE


def test_a_damaged_signing_state_says_nothing_and_is_replaced(box: Quarantine) -> None:
    box.at.state.write_bytes(b"{}")
    assert box.local_state() is None
    box.raise_state(Mark(12))
    assert box.local_state() == Mark(12)


def test_a_signing_state_is_raised_in_the_form_that_the_ledger_reads(box: Quarantine) -> None:
    box.raise_state(Mark(12))
    assert json.loads(box.at.state.read_bytes()) == {"height": "12", "round": 0, "step": 0}
    box.raise_state(Mark(13, 2, 1))
    assert mark_of(box.at.state.read_bytes(), "state") == box.local_state() == Mark(13, 2, 1)


def test_a_published_node_without_keys_is_given_none() -> None:
    nothing = Seen(node_key=False, validator_key=False, state=State.ABSENT)
    assert decide(nothing, "/keys", "/data") is Step.CREATE
    with pytest.raises(Refused, match=r"a1b2.*rebuilt") as refused:
        decide(nothing, "/keys", "/data", "a1b2")
    assert "playbooks/restore.yml" in refused.value.hint
    whole = Seen(node_key=True, validator_key=True, state=State.USED)
    assert decide(whole, "/keys", "/data", "a1b2") is Step.NOTHING


def test_the_newest_snapshot_is_taken_or_the_one_named() -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    made = [Snapshot(f"{name}000", "cu-1", day, {"class": "b"}, ()) for name, day in zip("abc", days, strict=True)]
    assert chosen(made, "", "cu-1").id == "c000"
    assert chosen(made, "b0", "cu-1").id == "b000"
    with pytest.raises(InputError, match="no snapshot x"):
        chosen(made, "x", "cu-1")
    with pytest.raises(HostError, match="no backup of cu-1"):
        chosen([], "", "cu-1")
