"""Looking at who has a name, on this machine and as the program that goes to hosts without an agent."""

import json
import subprocess
from pathlib import Path

from nodeops.host import names


def test_an_account_is_seen_with_those_who_share_it():
    account = names.seen("daemon", [], "none.service")["account"]
    assert (account["uid"], account["gid"], account["group"], account["members"]) == (1, 1, 1, [])
    assert names.seen("nobody-has-this", [], "none.service")["account"] is None
    # Debian gives `sync` the group of `nogroup`, and many accounts with it.
    assert "sync" in names.seen("nogroup", [], "none.service")["account"]["members"]


def test_accounts_of_other_programs_are_seen_by_name():
    found = names.seen("", [], "", ["daemon", "nobody-has-this"])["daemons"]
    assert list(found) == ["daemon"] and found["daemon"]["uid"] == 1


def test_paths_are_seen_by_what_links_lead_to(tmp_path):
    (tmp_path / "folder").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("nowhere")
    paths = [str(tmp_path / name) for name in ("folder", "link", "dangling", "absent")]
    found = {Path(one["path"]).name: one for one in names.seen("x", paths, "none.service")["paths"]}
    assert set(found) == {"folder", "link", "dangling"}
    assert (found["link"]["folder"], found["link"]["mode"], found["link"]["link"]) == (True, 0o750, "folder")
    assert found["dangling"]["folder"] is False


def test_units_are_ours_by_their_first_line(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "_UNIT_FOLDERS", (str(tmp_path),))
    (tmp_path / "ledger.service").write_text("[Unit]\n")
    (tmp_path / "nodeops-disk.service").write_text("# Written by nodeops for a-1.\n[Unit]\n")
    (tmp_path / "nodeops-masked.service").symlink_to("/dev/null")
    (tmp_path / "other.service").write_text("[Unit]\n")
    found = {Path(one["path"]).name: one["ours"] for one in names.seen("x", [], "ledger.service")["units"]}
    assert found == {"ledger.service": False, "nodeops-disk.service": True, "nodeops-masked.service": False}


def test_the_program_needs_nothing_but_python():
    asked = json.dumps({"user": "daemon", "paths": ["/etc"], "unit": "none.service"})
    words = ["/usr/bin/python3", "-I", "-", asked]
    done = subprocess.run(words, input=Path(names.__file__).read_bytes(), capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout)["account"]["uid"] == 1
