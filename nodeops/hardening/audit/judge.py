"""Judge one setting against the host as it is: kind by kind. Looks, changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nodeops.hardening.audit.checks import CHECKS
from nodeops.hardening.audit.fact import Fact
from nodeops.hardening.audit.judge_sshd import judge_sshd, sshd_line
from nodeops.hardening.audit.observe import Host
from nodeops.hardening.audit.rivals import over_apt, over_defaults, over_drop_in, over_limits, over_module
from nodeops.hardening.change.desired import GRUB_FILE, MODPROBE_FILE, PAM_PROFILES, key_of, mode_state, unit_drop_in
from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control
from nodeops.hardening.controls.settings import Setting
from nodeops.hardening.controls.strictness import as_strict
from nodeops.hardening.host import pam
from nodeops.hardening.host.edits import value_of
from nodeops.hardening.host.host_keys import bits_of
from nodeops.hardening.host.receiver import refusal, waiting_bytes
from nodeops.hardening.host.resources import look, matching, sysctl_keys
from nodeops.hardening.host.states import same
from nodeops.hardening.host.sysctl_files import said_of


def judge(host: Host, control: Control) -> list[Fact]:
    """Return the judged settings of a control; those of what is not installed are left out."""
    facts = (_KINDS[type(setting)](host, control, setting) for setting in control.sets)
    return [fact for fact in facts if fact is not None]


def _hidden(host: Host, control: Control) -> bool:
    return host.container and control.testable == "host"


def _sshd(host: Host, _: Control, setting: settings.Sshd) -> Fact:
    return judge_sshd(setting, host.sshd_meaning(sshd_line(setting)), host.sshd_seen)


def _host_key(_: Host, __: Control, setting: settings.HostKey) -> Fact:
    found = bits_of(setting.path)
    expected = f"{setting.path} has {setting.bits} bits"
    return Fact(found is not None and found >= setting.bits, expected, "absent" if found is None else f"{found} bits")


def _sysctl(host: Host, control: Control, setting: settings.Sysctl) -> Fact | None:
    found = {key: str(value) for key in sysctl_keys(setting.key) if (value := look(f"sysctl {key}")) is not None}
    good, expected = {setting.value, *setting.accept}, f"{setting.key} = {setting.value}"
    if not found:
        return None
    wrong = {key: value for key, value in found.items() if value not in good}
    shown = wrong or dict.fromkeys([setting.key], next(iter(found.values())))
    actual = ", ".join(value if key == setting.key else f"{value} at {key}" for key, value in shown.items())
    said = said_of(host.sysctl_assignments, found)
    winners = sorted({f"{one.file} says {one.value}" for one in said.values() if one.value not in good})
    if winners:
        return Fact(False, expected, f"{actual}; {', '.join(winners)} at boot and at every run of systemd-sysctl")
    if len(said) < len(found):
        return Fact(False, expected, f"{actual}; no file says so at boot")
    return Fact(None if _hidden(host, control) else not wrong, expected, actual)


def _modprobe(host: Host, control: Control, setting: settings.Modprobe) -> Fact:
    expected = f"module {setting.module} cannot be loaded"
    if f"install {setting.module} /bin/false\n" not in (host.text(MODPROBE_FILE) or ""):
        return Fact(False, expected, "nothing keeps it from being loaded")
    if rival := over_module(host.module_files, setting.module):
        return Fact(False, expected, rival)
    if _hidden(host, control):
        return Fact(None, expected, "the modules are those of the machine")
    loaded = setting.module.replace("-", "_") in host.modules
    return Fact(not loaded, expected, "it is loaded: reboot" if loaded else "it cannot")


def _systemd_conf(host: Host, _: Control, setting: settings.SystemdConf) -> Fact:
    found = host.systemd_value(setting.file, setting.section, setting.key)
    expected = f"{setting.file}: {setting.key}={setting.value}"
    if found != setting.value:
        return Fact(False, expected, "not set" if found is None else found)
    if setting.service and not host.service_is_current(setting.service, f"/etc/systemd/{setting.file}.d/90-nodeops.conf"):
        return Fact(False, expected, f"{found}, but {setting.service} was started before it was written")
    return Fact(True, expected, found)


def _unit(host: Host, _: Control, setting: settings.Unit) -> Fact | None:
    if setting.unit not in host.facts.units:
        return None
    expected, path = f"{setting.unit}: {setting.key}={setting.value}", unit_drop_in(setting.unit)
    if f"{setting.key}={setting.value}" not in (host.text(path) or "").splitlines():
        return Fact(False, expected, "our drop-in does not say so")
    if rival := over_drop_in(host.unit_files(setting.unit), path, setting.section, setting.key, setting.value):
        return Fact(False, expected, rival)
    if setting.restart and not host.service_is_current(setting.unit, path):
        return Fact(False, expected, "the unit was started before it was written")
    return Fact(True, expected, "in force")


def _exposure(host: Host, _: Control, setting: settings.Exposure) -> Fact | None:
    found = host.exposure(setting.unit) if setting.unit in host.facts.units else None
    if found is None:
        return None
    return Fact(found <= setting.at_most, f"exposure of {setting.unit} at most {setting.at_most}", str(found))


def _service(host: Host, control: Control, setting: settings.Service) -> Fact:
    found = host.unit(setting.unit)
    said = f"{found['enabled']}, {'active' if found['active'] else 'inactive'}"
    expected = f"{setting.unit} is {setting.state}"
    if setting.state == "masked":
        return Fact(found["enabled"] == "masked" and not found["active"], expected, said)
    if found["enabled"] == "enabled" and not found["active"] and _hidden(host, control):
        return Fact(None, expected, said)
    return Fact(found["enabled"] == "enabled" and found["active"], expected, said)


def _package(host: Host, _: Control, setting: settings.Package) -> Fact:
    there = setting.name in host.facts.packages
    return Fact(
        there == (setting.state == "present"), f"package {setting.name} {setting.state}", "present" if there else "absent"
    )


def _lines(host: Host, control: Control, setting: settings.Lines) -> Fact:
    present = (host.text(setting.path) or "").splitlines()
    missing = [line for line in setting.lines if line not in present]
    if missing:
        return Fact(False, f"{setting.path} holds {len(setting.lines)} lines", f"missing: {missing[0]}")
    if rival := next(filter(None, _rivals(host, setting)), ""):
        return Fact(False, f"nothing goes before {setting.path}", rival)
    return Fact(None if _hidden(host, control) else True, f"{setting.path} holds {len(setting.lines)} lines", "it does")


def _rivals(host: Host, setting: settings.Lines) -> Iterator[str]:
    """Yield what other files say against lines of ours, where those of a program count together."""
    if setting.path.startswith("/etc/apt/apt.conf.d/"):
        yield from (over_apt(host.apt_dump, host.apt_files, line) for line in setting.lines)
    if setting.path.startswith("/etc/sudoers.d/"):
        yield from (over_defaults(host.sudo_files, setting.path, line) for line in setting.lines)
    if setting.path.startswith("/etc/security/limits.d/"):
        yield over_limits(host.limits_files, setting.path)


def _key_value(host: Host, control: Control, setting: settings.KeyValue) -> Fact:
    text = host.text(setting.path)
    found = None if text is None else value_of(text, key_of(setting))
    good = found is not None and as_strict(setting.bound, setting.value, found)
    expected = f"{setting.path}: {setting.key} {setting.value}"
    return Fact(None if good and _hidden(host, control) else good, expected, "not set" if found is None else found)


def _content(host: Host, _: Control, setting: settings.Content) -> Fact:
    good = host.text(setting.path) == setting.content
    return Fact(good, f"{setting.path} says what was chosen", "it does" if good else "it says something else")


def _mode(_: Host, __: Control, setting: settings.FileMode) -> Fact | None:
    states = {path: look(f"mode {path}") for path in matching(setting.path)}
    present = {path: state for path, state in states.items() if state is not None}
    wrong = [path for path, state in present.items() if not same(f"mode {path}", state, mode_state(setting))]
    expected = f"{setting.path} at most {setting.mode}" + ("" if "*" in setting.path else f" {setting.user}:{setting.group}")
    said = "; ".join(f"{path} {one['mode']:04o} {one['user']}:{one['group']}" for path in wrong for one in [present[path]])
    return Fact(not wrong, expected, said or "as it should be") if present else None


def _pam(host: Host, _: Control, setting: settings.Pam) -> Fact:
    expected = f"PAM profile {setting.name} in force"
    if host.text(f"{PAM_PROFILES}/{setting.name}") != setting.content:
        return Fact(False, expected, "its file is missing or another")
    on = bool(pam.enabled([setting.name]))
    return Fact(on, expected, "it is" if on else "it is not")


def _password_age(_: Host, __: Control, setting: settings.PasswordAge) -> Fact | None:
    found = look(f"password_age {setting.account}")
    expected = f"the password of {setting.account} is changed every {setting.max_days} days"
    return None if found is None else Fact(0 <= found <= setting.max_days, expected, f"every {found} days")


def _mount_flag(_: Host, __: Control, setting: settings.MountFlag) -> Fact | None:
    found = look(f"mount_flag {setting.path} {setting.flag}")
    return None if found is None else Fact(found, f"{setting.path} is mounted {setting.flag}", "it is" if found else "it is not")


def _kernel_command_line(host: Host, control: Control, setting: settings.KernelCommandLine) -> Fact:
    expected = f"the kernel is started with {setting.parameter}"
    if setting.parameter not in (host.text(GRUB_FILE) or ""):
        return Fact(False, expected, "grub is not told")
    if _hidden(host, control):
        return Fact(None, expected, "the kernel is the machine's")
    there = setting.parameter in host.command_line
    return Fact(there, expected, "it was" if there else "grub is told: reboot")


def _check(host: Host, _: Control, setting: settings.Check) -> Fact | None:
    return Fact(*answer) if (answer := CHECKS[setting.name](host)) else None


def _receiver(_: Host, __: Control, setting: settings.Receiver) -> Fact:
    whom = (setting.address, int(setting.port), setting.name)
    why = refusal(*whom, setting.trust, setting.certificate, setting.key)
    waiting = waiting_bytes(matching(setting.queue)) >> 20
    actual = f"{why}; {waiting} MiB wait on the disk" if why else "it does"
    return Fact(not why, f"{setting.name} at {setting.address}:{setting.port} takes this host's logs", actual)


_KINDS: Mapping[type[Setting], Callable[[Host, Control, Any], Fact | None]] = {
    settings.Sshd: _sshd,
    settings.HostKey: _host_key,
    settings.Sysctl: _sysctl,
    settings.Modprobe: _modprobe,
    settings.SystemdConf: _systemd_conf,
    settings.Unit: _unit,
    settings.Exposure: _exposure,
    settings.Service: _service,
    settings.Package: _package,
    settings.Lines: _lines,
    settings.KeyValue: _key_value,
    settings.Content: _content,
    settings.FileMode: _mode,
    settings.Pam: _pam,
    settings.PasswordAge: _password_age,
    settings.MountFlag: _mount_flag,
    settings.KernelCommandLine: _kernel_command_line,
    settings.Check: _check,
    settings.Receiver: _receiver,
}
