"""What controls ask of a host: one file of ours for many controls, and what puts it in force."""

import pytest

from nodeops.hardening.change.desired import SSHD_FILE, SYSCTL_FILE, desired
from nodeops.hardening.change.sight import Chosen, SshdSite
from nodeops.hardening.host.states import content_of, same
from tests.unit.hardening.samples import Sight, control


def asked(*controls, base="", can_set=True, container=True, sight=None):
    return desired(controls, lambda _: base, sight or Sight(can_set=can_set), container)


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
    found = asked(one)
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


ATTEMPTS = ("MaxAuthTries", "3", "at_most"), ("MaxStartups", "10:30:60", "at_most"), ("Ciphers", "a,b,c", "within")


@pytest.mark.parametrize(
    ("site", "ours", "said"),
    [
        # What was chosen is as strict or stricter: it stays, and the plan says so.
        ({"maxauthtries": "2"}, ["MaxStartups 10:30:60", "Ciphers a,b,c"], "MaxAuthTries stays 2"),
        ({"ciphers": "c,a"}, ["MaxAuthTries 3", "MaxStartups 10:30:60"], "Ciphers stays c,a"),
        # Looser, or without a limit: ours.
        ({"maxauthtries": "6"}, ["MaxAuthTries 3", "MaxStartups 10:30:60", "Ciphers a,b,c"], ""),
        ({"maxauthtries": "0"}, ["MaxAuthTries 3", "MaxStartups 10:30:60", "Ciphers a,b,c"], ""),
        # Stricter in one way and looser in another: the stricter of both in each.
        ({"maxstartups": "5:50:100"}, ["MaxAuthTries 3", "MaxStartups 5:30:60", "Ciphers a,b,c"], ""),
        ({"ciphers": "b,x"}, ["MaxAuthTries 3", "MaxStartups 10:30:60", "Ciphers b"], ""),
        ({"ciphers": "x,y"}, ["MaxAuthTries 3", "MaxStartups 10:30:60", "Ciphers a,b,c"], "shares no name"),
    ],
)
def test_a_limit_is_a_bound_and_what_a_site_chose_stricter_stays(site, ours, said):
    one = control(sets=[{"kind": "sshd", "key": key, "value": value, "bound": bound} for key, value, bound in ATTEMPTS])
    values = {key.lower(): value for key, value, _ in ATTEMPTS}
    chosen = {key: Chosen(value, values[key], "/etc/ssh/sshd_config line 3") for key, value in site.items()}
    found = asked(one, sight=Sight(sshd=SshdSite(chosen)))
    assert text(found, SSHD_FILE).splitlines()[1:] == ours
    assert (said in " ".join(found.notes)) if said else not found.notes


@pytest.mark.parametrize(
    ("site", "ours"),
    [
        (SshdSite(on=frozenset({"kbdinteractiveauthentication"})), ["KbdInteractiveAuthentication no"]),
        (SshdSite(methods=["publickey,keyboard-interactive:pam"], on=frozenset({"kbdinteractiveauthentication"})), []),
        # Asked for, and not switched on: it lets nobody in today either.
        (SshdSite(methods=["publickey,keyboard-interactive"]), ["KbdInteractiveAuthentication no"]),
    ],
)
def test_a_second_factor_stays_on(site, ours):
    row = {"kind": "sshd", "key": "KbdInteractiveAuthentication", "value": "no", "factor": "keyboard-interactive"}
    assert text(asked(control(sets=[row]), sight=Sight(sshd=site)), SSHD_FILE).splitlines()[1:] == ours


def test_a_parameter_that_a_site_chose_as_good_stays():
    row = {"kind": "sysctl", "key": "net.ipv4.conf.all.rp_filter", "value": "1", "accept": ["2"]}
    for chosen, value in (({row["key"]: "2"}, "2"), ({row["key"]: "0"}, "1"), ({}, "1")):
        found = asked(control(sets=[row]), sight=Sight(chosen=chosen, states={f"sysctl {row['key']}": "2"}))
        assert found.states[f"sysctl {row['key']}"] == value
        assert f"{row['key']} = {value}" in text(found, SYSCTL_FILE)


@pytest.mark.parametrize(("present", "wanted"), [(90, 90), (365, 365), (99999, 365), (-1, 365), (None, 365)])
def test_a_password_that_ages_sooner_goes_on_doing_so(present, wanted):
    one = control(sets=[{"kind": "password_age", "account": "root", "max_days": 365}])
    assert asked(one, sight=Sight(states={"password_age root": present})).states == {"password_age root": wanted}
