"""What another file says against a line of ours: it is found and named where it wins, and left alone where it does not."""

import subprocess

import pytest

from nodeops.hardening.audit.observe import Host
from nodeops.hardening.audit.rivals import over_apt, over_defaults, over_drop_in, over_limits, over_module

UNIT, OURS = "/usr/lib/systemd/system/ssh.service", "/etc/systemd/system/ssh.service.d/90-nodeops.conf"
EDIT = "/etc/systemd/system/ssh.service.d/override.conf"


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ("[Service]\nProtectClock=no\n", f"{EDIT} says ProtectClock=no"),
        ("[Service]\n ProtectClock = no \n", f"{EDIT} says ProtectClock=no"),
        ("[Service]\nProtectClock=\n", f"{EDIT} says ProtectClock="),
        ("[Service]\nProtectClock=no\nProtectClock=yes\n", ""),
        ("[Service]\nProtectClock=yes\n", ""),
        ("[Unit]\nProtectClock=no\n[Service]\n#ProtectClock=no\nNice=5\n", ""),
    ],
)
def test_a_drop_in_that_is_read_later_wins(later, said):
    files = [(UNIT, "[Service]\nProtectClock=no\n"), (OURS, "[Service]\nProtectClock=yes\n"), (EDIT, later)]
    assert over_drop_in(files, OURS, "Service", "ProtectClock", "yes") == said
    assert over_drop_in([files[0], files[2], files[1]], OURS, "Service", "ProtectClock", "yes") == ""


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("install usb-storage /sbin/modprobe -i usb_storage\n", "install usb-storage /sbin/modprobe -i usb_storage"),
        ("install usb_* /sbin/modprobe --ignore-install $CMDLINE_OPTS\n", "install usb_* /sbin/modprobe --ignore-install"),
        ("install usb_storage /bin/true\n", ""),
        ("# install usb-storage /sbin/modprobe\noptions usb-storage quirks=1\ninstall\n", ""),
    ],
)
def test_the_first_install_line_of_a_module_counts(other, said):
    ours = ("/etc/modprobe.d/nodeops.conf", "install usb-storage /bin/false\nblacklist usb-storage\n")
    found = over_module([("/etc/modprobe.d/aaa.conf", other), ours], "usb-storage")
    assert found.startswith(f"/etc/modprobe.d/aaa.conf says {said}") if said else found == ""
    assert over_module([ours, ("/etc/modprobe.d/zzz.conf", other)], "usb-storage") == ""


SUDO = "/etc/sudoers.d/90-nodeops"
LINE = 'Defaults use_pty, timestamp_timeout=5, logfile="/var/log/sudo.log"'


@pytest.mark.parametrize(
    ("before", "later", "wins"),
    [
        ("", "Defaults !use_pty", True),
        ("", "Defaults:bob !use_pty # a reason", True),
        ("", "  Defaults@here env_keep+=X, timestamp_timeout=-1", True),
        ("", "Defaults timestamp_timeout=60", True),
        ("", "Defaults logfile=/dev/null", True),
        # What is for a command counts last, wherever it stands.
        ("Defaults!/usr/bin/less !use_pty", "", True),
        ("Defaults !use_pty", "", False),
        ("", "Defaults timestamp_timeout=0, use_pty", False),
        ("", 'Defaults logfile="/var/log/sudo.log"', False),
        ("", "bob ALL=(ALL) ALL\n#Defaults !use_pty\nDefaults env_reset", False),
    ],
)
def test_a_line_of_defaults_that_takes_ours_back(before, later, wins):
    files = [("/etc/sudoers", before), (SUDO, LINE), ("/etc/sudoers.d/site", later), ("/etc/sudoers", "")]
    said = over_defaults(files, SUDO, LINE)
    assert said == (f"{'/etc/sudoers' if before else '/etc/sudoers.d/site'} says {(before or later).strip()}" if wins else "")
    assert (
        over_defaults([*files[:2], ("/etc/sudoers", later)], SUDO, LINE).startswith("/etc/sudoers says") is (wins and not before)
        or before
    )


@pytest.mark.parametrize(
    ("earlier", "later", "said"),
    [
        ("", "* hard core unlimited", "/etc/security/limits.d/99-x.conf says * hard core unlimited"),
        ("", "root - core 1000", "/etc/security/limits.d/99-x.conf says root - core 1000"),
        ("bob - core unlimited", "", "/etc/security/limits.conf says bob - core unlimited"),
        ("@ops hard core unlimited # why", "", "/etc/security/limits.conf says @ops hard core unlimited"),
        ("* hard core unlimited", "", ""),
        ("# * - core unlimited", "* soft core unlimited\n* hard core 0\n* hard nofile 99", ""),
    ],
)
def test_a_limit_that_goes_before_ours(earlier, later, said):
    ours = "/etc/security/limits.d/90-nodeops.conf"
    files = [("/etc/security/limits.conf", earlier), (ours, "* hard core 0"), ("/etc/security/limits.d/99-x.conf", later)]
    assert over_limits(files, ours) == said


@pytest.mark.parametrize(
    ("text", "wins"),
    [
        ('APT::Get::AllowUnauthenticated "true";', True),
        ("APT { Get { AllowUnauthenticated 1; }; };", True),
        ('APT::Get::AllowUnauthenticated "no";', False),
        ('APT::Get::Assume-Yes "true";', False),
    ],
)
def test_what_apt_makes_of_all_its_files_counts(tmp_path, text, wins):
    (tmp_path / "90nodeops").write_text('APT::Get::AllowUnauthenticated "false";\n')
    (tmp_path / "99site").write_text(text)
    (tmp_path / "apt.conf").write_text(f'Dir::Etc::parts "{tmp_path}"; Dir::Etc::main "/dev/null";')
    dump = subprocess.run(["apt-config", "dump"], env={"APT_CONFIG": str(tmp_path / "apt.conf")}, capture_output=True, text=True)
    assert dump.returncode == 0
    files = [(name, (tmp_path / name).read_text()) for name in ("90nodeops", "99site")]
    said = over_apt(dump.stdout, files, 'APT::Get::AllowUnauthenticated "false";')
    assert said.startswith("99site makes apt read APT::Get::AllowUnauthenticated") if wins else said == ""
    assert over_apt(dump.stdout, files, 'Unattended-Upgrade::Package-Blacklist { "ledger"; };') == ""


def test_files_are_seen_in_the_order_of_who_reads_them(tmp_path):
    for name in ("a/20.conf", "a/10.conf", "b/10.conf", "b/15.conf", "b/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = Host().files(str(tmp_path / "a"), str(tmp_path / "b"))
    assert [text for _, text in found] == ["a/10.conf", "b/15.conf", "a/20.conf"]


def test_what_sudo_reads_behind_its_folder_is_last(monkeypatch):
    monkeypatch.setattr(Host, "text", lambda *_: "Defaults env_reset\n@includedir /etc/sudoers.d\nDefaults !use_pty\n")
    monkeypatch.setattr(Host, "files", lambda *_, **__: [(f"/etc/sudoers.d/{one}", "") for one in ("90-nodeops", "b.old", "c~")])
    assert [file for file, _ in Host().sudo_files] == ["/etc/sudoers", "/etc/sudoers.d/90-nodeops", "/etc/sudoers"]
    assert Host().sudo_files[-1][1].strip() == "Defaults !use_pty"
