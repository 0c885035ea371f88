"""A state that was looked at is given back exactly: bytes, modes, absence."""

import os
from pathlib import Path

import pytest

from nodeops.hardening.host.resources import look, matching, put, sysctl_keys, sysctl_path
from nodeops.hardening.host.states import content_of, file_state, same


def test_a_file_is_given_back_byte_by_byte(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"\xff\x00old\n")
    file.chmod(0o640)
    key, before = f"file {file}", look(f"file {file}")
    put(key, file_state("new\n", 0o600, impose=True))
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new\n", 0o600)
    put(key, before)
    file.chmod(0o640)
    assert file.read_bytes() == b"\xff\x00old\n"
    assert look(key) == before


def test_flags_of_what_is_mounted_are_seen_and_what_is_not_mounted_is_fine(tmp_path):
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    flags = {row[4]: row[5].split(",") for row in rows}
    assert look("mount_flag /proc noexec") == ("noexec" in flags["/proc"])
    key = f"mount_flag {tmp_path} noexec"
    assert look(key) is None and same(key, None, True)
    put(key, True)
    assert not same("mount_flag /proc noexec", False, True)


def test_an_edit_keeps_the_mode_that_is_there(tmp_path):
    file = tmp_path / "x"
    file.write_text("old\n")
    file.chmod(0o604)
    put(f"file {file}", file_state("new\n", 0o644))
    assert file.stat().st_mode & 0o777 == 0o604


def test_what_was_absent_is_absent_again(tmp_path):
    key = f"file {tmp_path / 'x'}"
    put(key, file_state("new\n", 0o600))
    put(key, None)
    assert look(key) is None
    put(key, None)


def test_a_folder_that_somebody_uses_is_not_removed(tmp_path):
    key = f"folder {tmp_path / 'd'}"
    put(key, True)
    (tmp_path / "d/mine").write_text("x")
    put(key, None)
    assert look(key) is True
    (tmp_path / "d/mine").unlink()
    put(key, None)
    assert look(key) is None


def test_owner_and_mode_are_given_back(tmp_path):
    file = tmp_path / "x"
    file.write_text("x")
    file.chmod(0o4755)
    key = f"mode {file}"
    before = look(key)
    put(key, {"mode": 0o600, "user": str(os.getuid()), "group": str(os.getgid())})
    assert file.stat().st_mode & 0o7777 == 0o600
    put(key, before)
    assert file.stat().st_mode & 0o7777 == 0o4755
    assert same(key, look(key), before)


def test_bytes_that_are_not_text_survive():
    assert content_of(file_state("a\udcff", 0o600)) == "a\udcff"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/7.rp_filter", "/proc/sys/net/ipv4/conf/eth0.7/rp_filter"),
    ],
)
def test_a_dot_in_the_name_of_an_interface(key, path):
    assert str(sysctl_path(key)) == path


def test_a_star_in_a_parameter_stands_for_the_interfaces_of_this_host():
    found = sysctl_keys("net.ipv4.conf.*.accept_redirects")
    assert "net.ipv4.conf.lo.accept_redirects" in found
    assert not {"net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.default.accept_redirects"} & set(found)
    assert all(look(f"sysctl {key}") in ("0", "1") for key in found)
    assert sysctl_keys("net.ipv4.ip_forward") == ["net.ipv4.ip_forward"]


def test_a_parameter_of_an_interface_that_has_gone_is_left_alone():
    put("sysctl net.ipv4.conf.nodeops-gone.accept_redirects", "0")


def test_a_pattern_finds_what_is_there_and_a_path_stands_for_itself(tmp_path):
    (tmp_path / "a.x").touch()
    assert matching(f"{tmp_path}/*.x") == [f"{tmp_path}/a.x"]
    assert matching("/nowhere") == ["/nowhere"]
