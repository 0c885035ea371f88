"""What a set of controls asks of a host: the wanted state of every resource, and what is reloaded when one changes. Pure."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control
from nodeops.hardening.host.edits import Key, with_keys
from nodeops.hardening.host.states import State, file_state

T = TypeVar("T")

SSHD_FILE = "/etc/ssh/sshd_config.d/00-nodeops.conf"
SYSCTL_FILE = "/etc/sysctl.d/90-nodeops.conf"
MODPROBE_FILE = "/etc/modprobe.d/nodeops.conf"
TMPFILES_FILE = "/etc/tmpfiles.d/nodeops-hardening.conf"
GRUB_FILE = "/etc/default/grub.d/90-nodeops.cfg"
PAM_PROFILES = "/usr/share/pam-configs"
_HEAD = "# Written by nodeops hardening; `nodeops hardening explain CONTROL` says why, `undo CONTROL` removes it.\n"
_SSH_RELOAD = ("systemctl", "reload", "ssh.service")
_DAEMON_RELOAD = ("systemctl", "daemon-reload")
_GRUB_UPDATE = ("update-grub",)


@dataclass
class Desired:
    """`states` by resource key; `reloads` by path: the commands, in order, that put a changed file in force."""

    states: dict[str, State] = field(default_factory=dict)
    reloads: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    pam_profiles: list[str] = field(default_factory=list)

    def file(self, path: str, text: str, mode: int = 0o644) -> None:
        """Ask for a file that is ours alone."""
        self.states[f"file {path}"] = file_state(text, mode, impose=True)

    def reload(self, path: str, *command: str) -> None:
        """Say what is run when a path changes; each command once, however many paths ask for it."""
        if command not in self.reloads[path]:
            self.reloads[path].append(command)


def key_value_paths(controls: Iterable[Control]) -> dict[str, list[Key]]:
    """Return the keys that controls set in vendors' files, by path."""
    found: dict[str, list[Key]] = defaultdict(list)
    for setting in _of(controls, settings.KeyValue):
        found[setting.path].append(Key(setting.key, setting.value, setting.separator))
    return dict(found)


def desired(
    controls: Sequence[Control],
    base: Callable[[str], str],
    host_key: Callable[[settings.HostKey], dict[str, State]],
    paths: Callable[[str], list[str]],
    settable: Callable[[str], list[str]],
    container: bool,
) -> Desired:
    """Return what controls ask for.

    `base` gives the text of a vendor's file without our edits, `host_key` the files of a key of sshd, `paths` what a
    pattern finds, `settable` the kernel parameters that a key stands for and that can be set here (a container has its
    machine's). `container` tells whether units that need a machine of their own may stay stopped.
    """
    found = Desired()
    for setting in _of(controls, settings.HostKey):
        found.states |= host_key(setting)
    _sshd(found, controls)
    _sysctls(found, controls, settable)
    _modprobe(found, controls)
    _systemd(found, controls)
    _lines(found, controls)
    _edits(found, controls, base)
    _modes(found, controls, paths)
    _pam(found, controls)
    _password_ages(found, controls)
    _mount_flags(found, controls)
    _boot(found, controls)
    _services(found, controls, container)
    return found


def _of(controls: Iterable[Control], kind: type[T]) -> Iterator[T]:
    return (setting for control in controls for setting in control.sets if isinstance(setting, kind))


def _sshd(found: Desired, controls: Sequence[Control]) -> None:
    lines = [f"{setting.key} {setting.value}\n" for setting in _of(controls, settings.Sshd)]
    if lines:
        # It may hold the algorithms and limits of the listener: for root alone, as sshd_config itself is.
        found.file(SSHD_FILE, _HEAD + "".join(lines), 0o600)
    for path in (SSHD_FILE, "/etc/ssh/sshd_config"):
        found.reload(path, *_SSH_RELOAD)


def _sysctls(found: Desired, controls: Sequence[Control], settable: Callable[[str], list[str]]) -> None:
    wanted = {setting.key: setting.value for setting in _of(controls, settings.Sysctl)}
    # Forwarding comes first: a change of it sets others anew (inet_forward_change in net/ipv4/devinet.c).
    rows = sorted(wanted.items(), key=lambda row: ("forward" not in row[0], row))
    if rows:
        found.file(SYSCTL_FILE, _HEAD + "".join(f"{key} = {value}\n" for key, value in rows))
    for setting in _of(controls, settings.Sysctl):
        found.states |= {f"sysctl {key}": setting.value for key in settable(setting.key)}


def _modprobe(found: Desired, controls: Sequence[Control]) -> None:
    modules = sorted({setting.module for setting in _of(controls, settings.Modprobe)})
    lines = [f"install {module} /bin/false\nblacklist {module}\n" for module in modules]
    if lines:
        found.file(MODPROBE_FILE, _HEAD + "".join(lines))


def _systemd(found: Desired, controls: Sequence[Control]) -> None:
    """Drop-ins of systemd's own configuration and of units: one file each, its sections in the order of the controls."""
    sections: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for conf in _of(controls, settings.SystemdConf):
        path = f"/etc/systemd/{conf.file}.d/90-nodeops.conf"
        sections[path][conf.section].append(f"{conf.key}={conf.value}")
        found.reload(path, *(("systemctl", "restart", conf.service) if conf.service else _DAEMON_RELOAD))
    for unit in _of(controls, settings.Unit):
        path = unit_drop_in(unit.unit)
        sections[path][unit.section].append(f"{unit.key}={unit.value}")
        found.reload(path, *_DAEMON_RELOAD)
        if unit.restart:
            found.reload(path, "systemctl", "try-restart", unit.unit)
    for path, named in sections.items():
        text = "\n".join(f"[{name}]\n" + "\n".join(lines) for name, lines in named.items())
        found.file(path, f"{_HEAD}{text}\n")


def unit_drop_in(unit: str) -> str:
    """Return the path of our drop-in of a unit."""
    return f"/etc/systemd/system/{unit}.d/90-nodeops.conf"


def _lines(found: Desired, controls: Sequence[Control]) -> None:
    rows: dict[str, list[str]] = defaultdict(list)
    modes: dict[str, int] = {}
    for setting in _of(controls, settings.Lines):
        rows[setting.path] += setting.lines
        modes[setting.path] = int(setting.mode, 8)
        if setting.reload:
            found.reload(setting.path, *setting.reload)
    for path, lines in rows.items():
        head = "" if PurePosixPath(path).suffix == ".sh" and lines[0].startswith("#!") else _head_for(path)
        found.file(path, head + "\n".join(lines) + "\n", modes[path])


def _head_for(path: str) -> str:
    """Return the head in the file's own way of writing comments."""
    return _HEAD.replace("# ", "// ", 1) if "/apt.conf.d/" in path else _HEAD


def _edits(found: Desired, controls: Sequence[Control], base: Callable[[str], str]) -> None:
    for path, keys in key_value_paths(controls).items():
        found.states[f"file {path}"] = file_state(with_keys(base(path), keys), 0o644)
    for setting in _of(controls, settings.Content):
        found.states[f"file {setting.path}"] = file_state(setting.content, int(setting.mode, 8))


def mode_state(setting: settings.FileMode) -> State:
    """Return the wanted state of a path. Where a pattern finds many, each keeps its owner."""
    owner = {} if "*" in setting.path else {"user": setting.user, "group": setting.group}
    return {"mode": int(setting.mode, 8), **owner, "at_most": True}


def _modes(found: Desired, controls: Sequence[Control], paths: Callable[[str], list[str]]) -> None:
    lines = []
    for setting in _of(controls, settings.FileMode):
        for path in paths(setting.path):
            found.states[f"mode {path}"] = mode_state(setting)
        owner = "- -" if "*" in setting.path else f"{setting.user} {setting.group}"
        lines.append(f"z {setting.path} {setting.mode} {owner}\n")
    if lines:
        found.file(TMPFILES_FILE, _HEAD + "".join(lines))


def _pam(found: Desired, controls: Sequence[Control]) -> None:
    for setting in _of(controls, settings.Pam):
        found.file(f"{PAM_PROFILES}/{setting.name}", setting.content)
        found.pam_profiles.append(setting.name)


def _password_ages(found: Desired, controls: Sequence[Control]) -> None:
    for setting in _of(controls, settings.PasswordAge):
        found.states[f"password_age {setting.account}"] = setting.max_days


def _mount_flags(found: Desired, controls: Sequence[Control]) -> None:
    for setting in _of(controls, settings.MountFlag):
        found.states[f"mount_flag {setting.path} {setting.flag}"] = True


def _boot(found: Desired, controls: Sequence[Control]) -> None:
    words = [setting.parameter for setting in _of(controls, settings.KernelCommandLine)]
    if words:
        added = json.dumps(f"$GRUB_CMDLINE_LINUX {' '.join(words)}")
        found.file(GRUB_FILE, f"{_HEAD}GRUB_CMDLINE_LINUX={added}\n")
        found.reload(GRUB_FILE, *_GRUB_UPDATE)


def _services(found: Desired, controls: Sequence[Control], container: bool) -> None:
    for control in controls:
        for setting in _of([control], settings.Service):
            if setting.state == "masked":
                state = {"enabled": "masked", "active": False}
            else:
                state = {"enabled": "enabled", "active": None if container and control.testable == "host" else True}
            found.states[f"unit {setting.unit}"] = state
