"""How each kind of setting is made to fail on a host: a shell line that breaks what is in force. Pure."""

import shlex
from collections.abc import Callable, Collection
from typing import Any

from hosts import unlocked

from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control
from nodeops.hardening.controls.settings import Setting

# How a line ends when what it would break is not on the host.
ABSENT = 77
# A word that no setting has as its value.
_OTHERS = {"yes": "no", "no": "yes", "0": "1", "1": "0"}
# Refused by sshd as a whole when it is wrong, so a wrong value is one that sshd knows.
_SSHD = {
    "ciphers": "+aes128-cbc",
    "macs": "hmac-sha2-256",
    "kexalgorithms": "diffie-hellman-group14-sha256",
    "hostkeyalgorithms": "+ssh-rsa",
    "pubkeyacceptedalgorithms": "+ssh-rsa",
    "loglevel": "ERROR",
    "maxstartups": "77:30:99",
    "permitrootlogin": "forced-commands-only",
    "banner": "/etc/motd",
    "subsystem": "sftp internal-sftp",
    "syslogfacility": "USER",
    "rekeylimit": "1G 7h",
    "gatewayports": "clientspecified",
}


def other(value: str) -> str:
    """Return a value that is not the one given and of the same kind: a number stays a number."""
    if value.lower() in _OTHERS:
        return _OTHERS[value.lower()]
    if value.replace(" ", "").isdigit() and " " in value:
        return " ".join(str(int(word) - 1) for word in value.split())
    return str(int(value) + 7) if value.lstrip("-").isdigit() else "spoiled"


def looser(setting: settings.Sshd | settings.KeyValue) -> str:
    """Return another value for a key that is not stricter: what is stricter is good."""
    value = setting.value.split()[0] if isinstance(setting, settings.Sshd) else setting.value
    return str(max(0, int(value) - 7)) if setting.bound.startswith("at_least") else other(value)


def lines(control: Control, stock: Collection[str]) -> list[str]:
    """Return one shell line for each setting of a control that can be spoiled.

    `stock` are the packages that were there before: one that is removed and put back would count as installed by us.
    """
    settings_ = [one for one in control.sets if not (isinstance(one, settings.Package) and one.name in stock)]
    found = (_KINDS[type(setting)](setting) for setting in settings_ if type(setting) in _KINDS)
    return [line for line in found if line]


def fake_package(name: str) -> str:
    """Return a shell line that installs an empty package of a name: as good as the real one, and it takes no minutes.

    Its version is so high that nothing that is installed breaks with it.
    """
    fields = [
        f"Package: {name}",
        "Version: 999",
        "Architecture: all",
        "Maintainer: nobody <nobody@example.org>",
        "Description: spoil",
    ]
    text, folder = shlex.quote("\n".join([*fields, ""])), f"/run/spoil/{name}"
    make = f"umask 022 && rm -rf {folder} && mkdir -p {folder}/DEBIAN && printf %s {text} >{folder}/DEBIAN/control"
    return f"{make} && dpkg-deb -b {folder} /run/spoil.deb && {unlocked('dpkg -i /run/spoil.deb')}"


def _edit(path: str, program: str) -> str:
    """Return a line that edits a file that must be there; links are followed, owner and mode stay."""
    return f"test -s {shlex.quote(path)} && sed -i --follow-symlinks -E {shlex.quote(program)} {shlex.quote(path)}"


def _literal(text: str) -> str:
    """Return a regular expression of sed that matches a text as it is."""
    return "".join(f"\\{char}" if char in r"\.[]*^$+?(){}|/" else char for char in text)


def _sshd(setting: settings.Sshd) -> str:
    wrong = _SSHD.get(setting.key.lower(), looser(setting))
    # Only in files, the listener keeps what it has: who is spoiling is not to be shut out.
    line = rf"s/^\s*{setting.key}\s.*$/{setting.key} {wrong.replace('/', chr(92) + '/')}/I"
    return f"for file in /etc/ssh/sshd_config.d/*nodeops*.conf; do sed -i -E {shlex.quote(line)} $file; done"


def _sysctl(setting: settings.Sysctl) -> str:
    if not setting.key.startswith("net."):
        return ""
    taken = {setting.value, *setting.accept}
    wrong = next(value for value in (other(setting.value), "0", "1", "2", "3") if value not in taken)
    # Of all interfaces, the one that the packets come in by.
    path = "/proc/sys/" + setting.key.replace("*", "eth0").replace(".", "/")
    return f"test -e {path} || exit {ABSENT}; echo {shlex.quote(wrong)} >{path}"


def _modprobe(setting: settings.Modprobe) -> str:
    return rf"sed -i -E '/\b{setting.module}\b/d' $(grep -lwE '{setting.module}' /etc/modprobe.d/*nodeops*)"


def _systemd_conf(setting: settings.SystemdConf) -> str:
    return _edit(f"/etc/systemd/{setting.file}.d/90-nodeops.conf", f"/^{_literal(setting.key)}=/d")


def _unit(setting: settings.Unit) -> str:
    path = f"/etc/systemd/system/{setting.unit}.d/90-nodeops.conf"
    return _edit(path, f"/^{_literal(setting.key)}=/d") + " && systemctl daemon-reload"


def _service(setting: settings.Service) -> str:
    unit = shlex.quote(setting.unit)
    if setting.state == "enabled":
        return f"systemctl disable --quiet --now {unit}"
    return f"systemctl unmask --quiet {unit}"


def _package(setting: settings.Package) -> str:
    if setting.state == "present":
        return unlocked(f"dpkg --remove --force-depends --force-remove-essential {shlex.quote(setting.name)}")
    # Apply would take it for what was there before, and undo would bring it back: see fake_package.
    return ""


def _lines(setting: settings.Lines) -> str:
    return _edit(setting.path, f"/^{_literal(setting.lines[-1])}$/d")


def _key_value(setting: settings.KeyValue) -> str:
    return _edit(setting.path, rf"s/^(\s*{_literal(setting.key)}\b).*$/\1{_literal(setting.separator)}{looser(setting)}/")


def _content(setting: settings.Content) -> str:
    return f"echo spoiled >>{shlex.quote(setting.path)}"


def _mode(setting: settings.FileMode) -> str:
    if "ssh_host_" in setting.path:
        # sshd refuses a host key that others can read, and with it every login: too broken to be put right from here.
        return ""
    # One bit too many. What is owned by a stranger or writable by all would cut sudo off: it refuses such files.
    wanted = int(setting.mode, 8)
    extra = next(bit for bit in (0o001, 0o010, 0o020) if not wanted & bit)
    if "*" in setting.path:
        return f"chmod {wanted | extra:04o} {setting.path}"
    path = shlex.quote(setting.path)
    return f"test -e {path} || exit {ABSENT}; chmod {wanted | extra:04o} {path}"


def _pam(setting: settings.Pam) -> str:
    # The next run of pam-auth-update, by any package, puts a profile that was only removed in force again.
    remove = f"DEBIAN_FRONTEND=noninteractive pam-auth-update --package --remove {shlex.quote(setting.name)}"
    return f"{remove} && echo '# spoiled' >>/usr/share/pam-configs/{shlex.quote(setting.name)}"


def _password_age(setting: settings.PasswordAge) -> str:
    return f"chage --maxdays {setting.max_days + 7} {setting.account}"


def _mount_flag(setting: settings.MountFlag) -> str:
    return f"mount -o remount,bind,{setting.flag.removeprefix('no')} {setting.path}"


_KINDS: dict[type[Setting], Callable[[Any], str]] = {
    settings.Sshd: _sshd,
    settings.Sysctl: _sysctl,
    settings.Modprobe: _modprobe,
    settings.SystemdConf: _systemd_conf,
    settings.Unit: _unit,
    settings.Service: _service,
    settings.Package: _package,
    settings.Lines: _lines,
    settings.KeyValue: _key_value,
    settings.Content: _content,
    settings.FileMode: _mode,
    settings.Pam: _pam,
    settings.PasswordAge: _password_age,
    settings.MountFlag: _mount_flag,
}
