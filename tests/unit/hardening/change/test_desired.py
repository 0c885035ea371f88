"""What controls ask of a host: one file of ours for many controls, and what puts it in force."""

from nodeops.hardening.change.desired import SSHD_FILE, SYSCTL_FILE, desired
from nodeops.hardening.host.states import content_of, same
from tests.unit.hardening.samples import control


def asked(*controls, base="", can_set=True, container=True):
    return desired(controls, lambda _: base, lambda _: {}, lambda path: [path], lambda key: [key] if can_set else [], container)


def text(found, path):
    return content_of(found.states[f"file {path}"])


def test_nothing_is_asked_by_no_controls():
    assert asked().states == {}


def test_all_keywords_of_sshd_make_one_file_that_is_reloaded_once():
    found = asked(control(), control("test.two", [{"kind": "sshd", "key": "UsePAM", "value": "yes"}]))
    assert text(found, SSHD_FILE).splitlines()[1:] == ["X11Forwarding no", "UsePAM yes"]
    assert found.reloads[SSHD_FILE] == [("systemctl", "reload", "ssh.service")]


def test_a_kernel_parameter_stands_in_the_file_also_where_it_cannot_be_set():
    one = control(sets=[{"kind": "sysctl", "key": "kernel.kptr_restrict", "value": "2"}])
    assert "kernel.kptr_restrict = 2" in text(asked(one, can_set=False), SYSCTL_FILE)
    assert "sysctl kernel.kptr_restrict" not in asked(one, can_set=False).states
    assert asked(one).states["sysctl kernel.kptr_restrict"] == "2"


def test_a_parameter_of_each_interface_is_set_for_those_there_are_and_forwarding_comes_first():
    keys = ("net.ipv4.conf.*.accept_redirects", "net.ipv4.ip_forward")
    one = control(sets=[{"kind": "sysctl", "key": key, "value": "0"} for key in keys])
    found = desired(
        [one], str, dict, list, lambda key: [key.replace("*", name) for name in ("eth0", "lo")][: 1 + ("*" in key)], True
    )
    assert text(found, SYSCTL_FILE).splitlines()[1:] == ["net.ipv4.ip_forward = 0", "net.ipv4.conf.*.accept_redirects = 0"]
    names = [name for name in found.states if name.startswith("sysctl")]
    assert names == [f"sysctl net.ipv4.conf.{name}.accept_redirects" for name in ("eth0", "lo")] + ["sysctl net.ipv4.ip_forward"]


def test_a_flag_of_a_mount_is_asked_for_by_itself():
    found = asked(control(sets=[{"kind": "mount_flag", "path": "/dev", "flag": "noexec"}]))
    assert found.states == {"mount_flag /dev noexec": True}


def test_sections_of_a_drop_in_stay_apart():
    rows = [
        {"kind": "unit", "unit": "a.service", "key": "LockPersonality", "value": "yes"},
        {"kind": "unit", "unit": "a.service", "section": "Unit", "key": "Description", "value": "x"},
    ]
    found = asked(control(sets=rows))
    assert text(found, "/etc/systemd/system/a.service.d/90-nodeops.conf").endswith(
        "[Service]\nLockPersonality=yes\n[Unit]\nDescription=x\n"
    )


def test_a_vendors_file_keeps_what_else_it_says():
    rows = [{"kind": "key_value", "path": "/etc/login.defs", "key": "UMASK", "value": "077"}]
    assert text(asked(control(sets=rows), base="A 1\nUMASK 022\n"), "/etc/login.defs") == "A 1\nUMASK 077\n"


def test_a_stricter_mode_is_left_alone_and_a_looser_one_is_not():
    rows = [{"kind": "mode", "path": "/etc/x", "mode": "0640"}]
    (wanted,) = (state for key, state in asked(control(sets=rows)).states.items() if key == "mode /etc/x")
    owner = {"user": "root", "group": "root"}
    assert same("mode /etc/x", {"mode": 0o600, **owner}, wanted)
    assert not same("mode /etc/x", {"mode": 0o644, **owner}, wanted)
    assert not same("mode /etc/x", {"mode": 0o640, "user": "root", "group": "adm"}, wanted)
    # What is put back must be exactly what it was.
    assert not same("mode /etc/x", {"mode": 0o600, **owner}, {"mode": 0o644, **owner})


def test_a_unit_that_needs_a_machine_may_stay_stopped_in_a_container_only():
    rows = [{"kind": "service", "unit": "auditd.service", "state": "enabled"}]
    one = control(sets=rows, testable="host")
    assert asked(one, container=True).states["unit auditd.service"]["active"] is None
    assert asked(one, container=False).states["unit auditd.service"]["active"] is True
