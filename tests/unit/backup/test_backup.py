"""The verbs with the real engine and a repository in a folder: whole, damaged, locked, gone, with a wrong password."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nodeops.backup import restic
from nodeops.backup.restore.drill import held_files
from nodeops.cli import main
from nodeops.core.digest import sha256
from nodeops.core.errors import HostError
from nodeops.host.command import run
from tests.tiers import slow
from tests.unit.backup.samples import LEFT_OUT, SECRET, asked, made_host, write_settings

pytestmark = pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: make test-tools")


@pytest.fixture(scope="module")
def first(empty_repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a host with one backup, made once for all and copied."""
    folder = made_host(tmp_path_factory.mktemp("first"))
    shutil.copytree(empty_repository, folder / "repository")
    with pytest.raises(SystemExit):
        main(["backup", "run", "--document", str(folder / "node.json")])
    return folder


@pytest.fixture
def host(tmp_path: Path, first: Path) -> Path:
    """Return a host of its own, with a copy of the repository that holds one backup."""
    shutil.copytree(first / "repository", tmp_path / "repository")
    made = made_host(tmp_path)
    shutil.copytree(first / "state" / "backup", tmp_path / "state" / "backup")
    return made


def _run_restic(host: Path, *words: str) -> str:
    environment = {**os.environ, "RESTIC_REPOSITORY": str(host / "repository"), "RESTIC_PASSWORD": SECRET}
    return run(["restic", "--no-cache", *words], timeout_seconds=60, environment=environment).stdout.decode()


@slow
def test_what_is_backed_up_is_listed_judged_and_comes_back_as_it_was(host, capsys):
    planned = asked(host, capsys, "run", "--dry-run")[1]
    made = asked(host, capsys, "run")[1]
    assert (made["paths"], made["changes"]) == (planned["paths"], planned["changes"])
    kept = asked(host, capsys, "list")[1]["snapshots"]
    assert len(kept) == 2  # a dry run makes none
    assert kept[1]["tags"] == made["tags"]
    assert "height" not in made["tags"]
    assert asked(host, capsys, "status")[0] == 0
    _run_restic(host, "restore", made["snapshot"], "--target", str(host / "back"))
    for path in map(Path, made["paths"]):
        for file in [path] if path.is_file() else [path / "receipts"]:
            assert (host / "back" / file.relative_to("/")).read_bytes() == file.read_bytes()
    assert not [name for name in LEFT_OUT if list((host / "back").rglob(name))]


def test_a_repository_that_is_there_is_not_made_again(host, capsys):
    code, said = asked(host, capsys, "init")
    assert (code, said["error"]["what"]) == (3, "is there already")


def test_a_repository_that_vanished_is_not_begun_anew(host, capsys):
    shutil.rmtree(host / "repository")
    assert asked(host, capsys, "run")[0] == 3
    assert asked(host, capsys, "status")[0] == 3
    assert not (host / "repository").exists()


@slow
def test_a_repository_is_made_once_and_never_again(host, capsys):
    assert asked(host, capsys, "init", "--ensure")[1]["changes"] == []
    shutil.rmtree(host / "repository")
    assert asked(host, capsys, "init", "--ensure")[1]["changes"] == []
    assert not (host / "repository").exists()
    (host / "state/backup/last.json").unlink()  # a host that never had one
    assert asked(host, capsys, "init", "--ensure", "--dry-run")[1]["changes"]
    assert not (host / "repository").exists()
    assert asked(host, capsys, "init", "--ensure")[0] == 0
    assert (host / "repository/config").exists()


def test_a_backup_that_is_not_whole_does_not_count(host, capsys, monkeypatch):
    """restic leaves with 3 where it could not read a file, and keeps what it read as a snapshot like any other."""
    call = restic.Restic._call
    codes = [3, 3, 3]

    def spoiled(self, verb, *options, given=None):
        code, output, said = call(self, verb, *options, given=given)
        return (codes.pop() if verb == "backup" and codes else code), output, said

    monkeypatch.setattr(restic.Restic, "_call", spoiled)
    code, said = asked(host, capsys, "run")
    assert (code, "could not be read" in said["error"]["what"]) == (3, True)
    assert codes == []
    assert len(asked(host, capsys, "list")[1]["snapshots"]) == 1
    assert "could not be read" in json.loads((host / "state/backup/last.json").read_text())["error"]
    codes.append(3)  # a file that was replaced just then is there the next time
    assert asked(host, capsys, "run")[0] == 0
    assert len(asked(host, capsys, "list")[1]["snapshots"]) == 2


def test_a_link_is_no_backup_of_what_it_leads_to(host, capsys):
    genesis = host / "ledger" / "genesis"
    genesis.rename(host / "moved")
    genesis.symlink_to(host / "moved")
    code, said = asked(host, capsys, "run")
    assert (code, str(genesis) in said["error"]["what"]) == (3, True)
    assert len(asked(host, capsys, "list")[1]["snapshots"]) == 1


def test_what_a_backup_only_links_to_does_not_count_as_brought_back(host, tmp_path):
    """An older one, or one that somebody who has the node made: restored, its links lead to what is live here."""
    link, held = host / "ledger" / "genesis", host / "ledger" / "config"
    link.rename(host / "moved")
    link.symlink_to(host / "moved")
    (host / "outside").symlink_to("/")
    _run_restic(host, "backup", str(host / "ledger"), str(host / "outside"))
    scratch = tmp_path / "scratch"
    _run_restic(host, "restore", "latest", "--target", str(scratch))
    assert (scratch / str(link).lstrip("/")).read_bytes() == link.read_bytes()
    files = held_files(scratch)
    assert (str(link) in files, files[str(held)]) == (False, sha256(held.read_bytes()))
    assert not [one for one in scratch.rglob("*") if one.is_symlink()]


ODD = {"short_id": "x", "time": "2026-01-02T03:04:05.123456789Z", "hostname": "cu-1", "tags": None, "paths": ["/a"]}


@pytest.mark.parametrize(
    ("without", "given", "time"),
    [
        ("", {}, "2026-01-02 03:04"),
        ("hostname", {}, "2026-01-02 03:04"),
        ("", {"paths": None}, "2026-01-02 03:04"),
        ("", {"time": "0001-01-01T00:00:00+14:00"}, "1-01-01 00:00"),
        ("", {"time": "9999-12-31T23:59:59-14:00"}, "1-01-01 00:00"),
        ("", {"time": "2026-01-02T04:04:05+01:00"}, "2026-01-02 03:04"),
    ],
)
def test_no_snapshot_that_somebody_made_up_breaks_a_list(without, given, time):
    found = restic._snapshot({name: value for name, value in {**ODD, **given}.items() if name != without})
    assert (f"{found.time:%Y-%m-%d %H:%M}".lstrip("0"), list(found.paths)) == (time, given.get("paths", ["/a"]) or [])
    assert found.time < datetime.now(UTC) + timedelta(days=1)


def test_a_snapshot_that_somebody_removed_is_missed(host, capsys):
    assert asked(host, capsys, "status")[0] == 0
    _run_restic(host, "forget", asked(host, capsys, "list")[1]["snapshots"][-1]["id"])
    code, said = asked(host, capsys, "status")
    assert (code, {one["id"]: one["verdict"] for one in said["findings"]}["backup.history"]) == (1, "fail")


def test_a_clock_that_was_wrong_by_a_day_is_told_and_hides_no_missing_backup(host, capsys):
    """The node's clock, or somebody who has its password: restic writes down any time that it is told."""
    tomorrow = datetime.now(UTC).astimezone() + timedelta(days=1)
    words = ("backup", "--host=cu-1", f"--time={tomorrow:%Y-%m-%d %H:%M:%S}", "--json")
    said = _run_restic(host, *words, "--tag=class=b,height=7", str(host / "ledger"))
    name = json.loads(said.splitlines()[-1])["snapshot_id"][:8]
    _run_restic(host, *words, "--tag=class=mark", f"--tag=of={name}", str(host / "node.json"))
    code, found = asked(host, capsys, "status")
    judged = {one["id"]: one for one in found["findings"]}
    assert (code, judged["backup.age"]["verdict"]) == (1, "fail")
    assert name in judged["backup.age"]["actual"] and "in the future" in judged["backup.age"]["actual"]
    made = asked(host, capsys, "run")[1]["snapshot"]
    assert {name, made} <= {one["id"] for one in asked(host, capsys, "list")[1]["snapshots"]}
    assert asked(host, capsys, "status")[0] == 1


@pytest.mark.parametrize("kind", ["data", "index", "snapshots"])
def test_a_flipped_bit_is_found(host, capsys, kind):
    file = max((path for path in (host / "repository" / kind).rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    code, said = asked(host, capsys, "verify")
    assert code == 1, said
    assert said["findings"][0]["id"] == "backup.integrity"


def test_a_pack_that_is_gone_is_found(host, capsys):
    # The largest: restic asks for folders again and again for 40 s before it believes that they are gone.
    max((host / "repository/data").rglob("*"), key=lambda path: path.stat().st_size * path.is_file()).unlink()
    assert asked(host, capsys, "verify")[0] == 1


def test_a_wrong_password_is_named_and_not_repeated(host, capsys):
    write_settings(host, RESTIC_PASSWORD=f"{SECRET}-not")
    code, said = asked(host, capsys, "run")
    assert (code, said["error"]["what"]) == (3, "the password does not open it")


def test_a_missing_file_makes_no_whole_backup(host, capsys):
    (host / "ledger/genesis").unlink()
    code, said = asked(host, capsys, "run")
    assert code == 3
    assert "genesis" in said["error"]["what"]


def test_the_lock_of_our_dead_process_is_cleared_and_the_next_run_completes(host, capsys):
    # It holds its lock for as long as nobody writes into its standard input.
    environment = {**os.environ, "RESTIC_REPOSITORY": str(host / "repository"), "RESTIC_PASSWORD": SECRET}
    argv = ["restic", "--no-cache", "backup", "--stdin"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment, stdout=subprocess.DEVNULL) as held:
        # A lock that is still being written has another name.
        while not [one for one in (host / "repository/locks").iterdir() if "-tmp-" not in one.name]:
            assert held.poll() is None
            time.sleep(0.05)
        assert asked(host, capsys, "verify")[0] == 4  # it lives
        held.send_signal(signal.SIGKILL)
    assert list((host / "repository/locks").iterdir())
    assert asked(host, capsys, "run")[0] == 0
    assert asked(host, capsys, "verify")[0] == 0
    assert list((host / "repository/locks").iterdir()) == []


OPENING = "Fatal: unable to open config file: Stat: "


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("The request signature we calculated does not match the signature you provided.", "it does not let this node in"),
        ("No user exists with the provided access key ID.", "it does not let this node in"),
        ("The AWS Access Key Id you provided does not exist in our records.", "it does not let this node in"),
        ("Access Denied.", "it does not let this node in"),
        ("The specified bucket does not exist.", "is not there or not made yet"),
    ],
)
def test_what_s3_says_of_a_wrong_key_is_neither_damage_nor_an_empty_place(monkeypatch, said, what):
    engine = restic.Restic({"RESTIC_REPOSITORY": "/x", "RESTIC_PASSWORD": SECRET})
    monkeypatch.setattr(engine, "_call", lambda *_: (1, b"", f"{OPENING}{said}"))
    with pytest.raises(HostError, match=what):
        engine.exists()
    if "let this node in" in what:
        with pytest.raises(HostError, match=what):
            engine.check()


def test_neither_address_nor_password_is_an_argument(host, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(
        restic, "run", lambda argv, **others: seen.append(argv) or run([sys.executable, "-c", ""], timeout_seconds=9)
    )
    asked(host, capsys, "init")
    assert seen
    assert SECRET not in str(seen)
    assert str(host / "repository") not in str(seen)
