"""The door to packages with the real apt and dpkg, in a root folder and with a mirror of the test's own."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from nodeops.host import packages, upgrade
from nodeops.host.packages import PackagesError
from tests.tiers import slow
from tests.unit.host.own_debian import Debian

pytestmark = [
    slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages"),
    pytest.mark.skipif(not shutil.which("apt-get"), reason="this is not Debian"),
]
_HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    made = Debian(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("DPKG_ROOT", str(made.root))
    monkeypatch.setenv("DPKG_ADMINDIR", str(made.root / "var/lib/dpkg"))
    monkeypatch.setattr(packages, "LISTS", made.root / "var/lib/apt/lists")
    monkeypatch.setattr(packages, "LOCKS", tuple(made.root / str(lock).lstrip("/") for lock in packages.LOCKS))
    for lock in packages.LOCKS:
        lock.touch()
    return made


def holding(lock: Path) -> "subprocess.Popen[str]":
    """Return a process that holds a lock until its standard input is closed."""
    pipe = subprocess.PIPE
    held = subprocess.Popen([sys.executable, "-c", _HOLD, lock], stdin=pipe, stdout=pipe, text=True)
    assert held.stdout is not None
    held.stdout.readline()
    return held


def test_what_is_missing_is_installed_and_the_plan_said_so(debian):
    debian.publish("one")
    debian.publish("two", Depends="one")
    assert packages.planned(["two"]) == ["refresh the package lists", "install two"]
    assert debian.installed == set()
    packages.install(["two"])
    assert debian.installed == {"one", "two"}
    assert packages.planned(["one", "two"]) == packages.missing(["two"]) == []
    packages.remove(["two"], purge=True)
    assert debian.installed == {"one"}


def test_lists_that_name_what_the_mirror_no_longer_has_are_refreshed(debian):
    debian.publish("one")
    debian.publish("two")
    packages.install(["one"])
    debian.publish("two", "2")
    packages.install(["two"])
    assert debian.installed == {"one", "two"}


def test_old_lists_are_refreshed_and_old_ones_do_when_the_mirror_is_away(debian):
    debian.publish("one")
    debian.publish("two")
    packages.install(["one"])
    assert packages._are_fresh()
    old = time.time() - 2 * packages.FRESH_SECONDS
    for folder in (packages.LISTS, packages.LISTS / "partial"):
        os.utime(folder, (old, old))
    assert packages.planned(["two"])[0] == "refresh the package lists"
    packages.install(["two"])
    assert packages._are_fresh()
    shutil.move(debian.mirror, debian.mirror.with_name("away"))
    with pytest.raises(PackagesError, match="three"):
        packages.install(["three"])


@pytest.mark.parametrize("lock", range(len(packages.LOCKS)))
def test_a_lock_is_waited_for_and_its_holder_is_named(debian, monkeypatch, lock):
    monkeypatch.setattr(packages, "_PAUSE_SECONDS", 0.05)
    debian.publish("one")
    with holding(packages.LOCKS[lock]) as holder:
        assert f"process {holder.pid}" in packages.planned(["one"])[0]
        threading.Timer(0.5, holder.stdin.close).start()
        packages.install(["one"])
        assert debian.installed == {"one"}
    monkeypatch.setattr(packages, "WAIT_SECONDS", 0.2)
    with holding(packages.LOCKS[lock]) as holder:
        with pytest.raises(PackagesError, match=f"process {holder.pid}.*{packages.LOCKS[lock]}"):
            packages.remove(["one"])
        holder.kill()
    assert debian.installed == {"one"}


def test_a_refresh_that_hangs_is_ended_and_begun_once_more(debian, monkeypatch, tmp_path):
    method, hangs = tmp_path / "file", tmp_path / "hangs"
    method.write_text(f"#!/bin/sh\nif rm {hangs}; then sleep 1000; fi 2>/dev/null\nexec /usr/lib/apt/methods/file\n")
    method.chmod(0o755)
    with (tmp_path / "apt.conf").open("a") as configuration:
        configuration.write(f'Dir::Bin::Methods::file "{method}";\n')
    monkeypatch.setattr(packages, "_REFRESH_SECONDS", 3)
    debian.publish("one")
    hangs.touch()
    packages.install(["one"])
    assert debian.installed == {"one"}
    assert not hangs.exists()
    monkeypatch.setattr(packages, "_REFRESH_SECONDS", 1)
    method.write_text("#!/bin/sh\nsleep 1000\n")
    assert "did not end within 1 s" in packages.refresh(0)


def test_lists_that_somebody_refreshes_are_neither_old_nor_new(debian, monkeypatch):
    monkeypatch.setattr(packages, "_PAUSE_SECONDS", 0.05)
    debian.publish("one")
    assert packages.refresh(60) == ""
    with holding(packages.LOCKS[2]) as holder:
        threading.Timer(0.5, holder.stdin.close).start()
        assert packages.refresh(60) == ""
        assert holder.poll() is not None or holder.stdin.closed
    assert packages.lists_age_seconds() < 60


def test_a_package_that_somebody_holds_is_named_with_the_way_out(debian):
    debian.publish("one")
    packages.install(["one"])
    subprocess.run(["dpkg", "--set-selections"], input=b"one hold\n", check=True)
    debian.publish("one", "2")
    debian.publish("two", Depends="one (>= 2)")
    os.utime(packages.LISTS, (0, 0))
    os.utime(packages.LISTS / "partial", (0, 0))
    with pytest.raises(PackagesError, match=r"held.*one") as refused:
        packages.install(["two"])
    assert "apt-mark unhold one" in refused.value.hint
    with pytest.raises(PackagesError, match=r"held.*one"):
        packages.remove(["one"])
    assert debian.installed == {"one"}


def test_what_would_remove_something_of_the_site_is_refused_and_named(debian):
    debian.publish("theirs")
    packages.install(["theirs"])
    debian.publish("ours", Conflicts="theirs")
    with pytest.raises(PackagesError, match="would remove theirs"):
        packages.install(["ours"])
    assert debian.installed == {"theirs"}


def test_the_door_works_as_a_program_of_its_own(debian):
    debian.publish("one")
    # Its paths are those of a host: here only what is reported can be looked at.
    code = textwrap.dedent("""
        import runpy, sys
        sys.argv = ["packages.py", "--check", "one"]
        runpy.run_path(%r, run_name="__main__")
    """)
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", code % packages.__file__], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, json.loads(done.stdout)["installed"]) == (0, ["one"])


def refreshed() -> None:
    os.utime(packages.LISTS, (0, 0))
    os.utime(packages.LISTS / "partial", (0, 0))
    assert packages.refresh(60) == ""


def version(name: str) -> str:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=True)
    return done.stdout


def test_an_upgrade_installs_the_versions_named_and_keeps_who_asked_for_a_package(debian):
    debian.publish("one")
    debian.publish("two", Depends="one")
    packages.install(["two"])
    automatic = subprocess.run(["apt-mark", "showauto"], capture_output=True, text=True, check=True).stdout
    for name in ("one", "two"):
        debian.publish(name, "2")
    refreshed()
    upgrade.upgrade({"one": "2"})
    assert (version("one"), version("two")) == ("2", "1")
    assert subprocess.run(["apt-mark", "showauto"], capture_output=True, text=True, check=True).stdout == automatic == "one\n"


def test_an_upgrade_removes_nothing(debian):
    debian.publish("one")
    debian.publish("two")
    packages.install(["one", "two"])
    debian.publish("one", "2", Conflicts="two")
    refreshed()
    with pytest.raises(PackagesError, match="would remove two"):
        upgrade.upgrade({"one": "2"})
    assert debian.installed == {"one", "two"}


@pytest.fixture
def unfinished(debian):
    """Leave `one` unpacked and not configured, as a run that was killed does."""
    debian.publish("one")
    packages.install(["one"])
    debian.publish("one", "2")
    deb = next(debian.mirror.glob("one_2*.deb"))
    subprocess.run(["dpkg", f"--root={debian.root}", "--force-not-root", "--unpack", deb], check=True, capture_output=True)
    assert packages.unfinished() == ["one"]
    return debian


@pytest.mark.usefixtures("unfinished")
def test_what_was_interrupted_is_finished():
    packages.finish()
    assert packages.unfinished() == []
    assert version("one") == "2"


@pytest.mark.parametrize("state", ["half-installed", "unpacked"])
@pytest.mark.parametrize("call", [packages.finish, lambda: packages.install(["two"])], ids=["finish", "install"])
def test_what_power_tore_apart_is_unpacked_anew(debian, call, state):
    debian.publish("one")
    debian.publish("two")
    packages.install(["one"])
    _tear(debian.root / "var/lib/dpkg/status", state)
    assert packages.unfinished() == ["one"]
    call()
    assert packages.unfinished() == []
    assert version("one") == "1"


def test_what_is_torn_and_no_longer_on_the_mirror_is_named(debian):
    debian.publish("one")
    debian.publish("two")
    packages.install(["one"])
    _tear(debian.root / "var/lib/dpkg/status", "unpacked")
    for file in debian.mirror.glob("one*"):
        file.unlink()
    debian.publish("two")
    refreshed()
    with pytest.raises(PackagesError, match="one"):
        packages.install(["two"])
    assert "two" not in debian.installed


def _tear(status: Path, state: str) -> None:
    """Leave a package as a host does that lost power while its files were unpacked: dpkg's own words for it."""
    status.write_text(status.read_text().replace("Status: install ok installed", f"Status: install reinstreq {state}"))


def test_what_was_interrupted_is_replaced_by_a_newer_version(unfinished):
    unfinished.publish("one", "3")
    refreshed()
    upgrade.upgrade({"one": "3"})
    assert packages.unfinished() == []
    assert version("one") == "3"
