"""What a set of controls asks of a host: the wanted state of every resource, and what is reloaded when one changes. Pure."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath
from typing import TypeVar

from nodeops.hardening.change.sight import Eyes, SshdSite
from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import Control
from nodeops.hardening.controls.strictness import as_strict, as_strict_as_both, uses
from nodeops.hardening.host.edits import Key, stays, value_of, with_keys
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
    """`states` by resource key; `reloads` by path: the commands, in order, that put a changed file in force; `notes` say what
    is left to the site, and why."""

    states: dict[str, State] = field(default_factory=dict)
    reloads: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    pam_profiles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

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
        found[setting.path].append(key_of(setting))
    return dict(found)


def key_of(setting: settings.KeyValue) -> Key:
    """Return a setting as an edit of a file."""
    return Key(setting.key, setting.value, setting.separator, setting.bound, setting.until)


def desired(controls: Sequence[Control], base: Callable[[str], str], eyes: Eyes, container: bool) -> Desired:
    """Return what controls ask for; what a site chose that is as strict stays as it is.

    `base` gives the text of a vendor's file without our edits. `container` tells whether units that need a machine of their
    own may stay stopped.
    """
    found = Desired()
    for setting in _of(controls, settings.HostKey):
        found.states |= eyes.host_key(setting)
    _sshd(found, controls, eyes)
    _sysctls(found, controls, eyes)
    _modprobe(found, controls)
    _systemd(found, controls)
    _lines(found, controls)
    _edits(found, controls, base)
    _modes(found, controls, eyes.matching)
    _pam(found, controls)
    _password_ages(found, controls, eyes)
    _mount_flags(found, controls)
    _boot(found, controls)
    _services(found, controls, container)
    return found


def _of(controls: Iterable[Control], kind: type[T]) -> Iterator[T]:
    return (setting for control in controls for setting in control.sets if isinstance(setting, kind))


def reads_ours(files: Iterable[PurePath]) -> bool:
    """Tell whether our drop-in, there or not yet, is among the files that sshd reads: it is when its folder is."""
    return bool({str(path) for path in files} & {SSHD_FILE, str(PurePosixPath(SSHD_FILE).parent)})


def _sshd(found: Desired, controls: Sequence[Control], eyes: Eyes) -> None:
    wanted = list(_of(controls, settings.Sshd))
    site = eyes.sshd_site(wanted) if wanted else SshdSite()
    values = [(setting.key, _sshd_value(setting, site, found.notes)) for setting in wanted]
    lines = [f"{key} {value}\n" for key, value in values if value is not None]
    if wanted:
        # It may hold the algorithms and limits of the listener: for root alone, as sshd_config itself is.
        found.file(SSHD_FILE, _HEAD + "".join(lines), 0o600)
    for path in (SSHD_FILE, "/etc/ssh/sshd_config"):
        found.reload(path, *_SSH_RELOAD)


def _sshd_value(setting: settings.Sshd, site: SshdSite, notes: list[str]) -> str | None:
    """Return the value that we give a keyword; None where the site's own stays."""
    key = setting.key.lower()
    if setting.factor and key in site.on and any(uses(methods, setting.factor) for methods in site.methods):
        notes.append(f"sshd {setting.key} stays yes: {setting.factor} is the second factor of logins here")
        return None
    chosen = site.chosen.get(key)
    if chosen is None or setting.bound == "exact" or chosen.value == chosen.ours:
        return setting.value
    if as_strict(setting.bound, chosen.ours, chosen.value):
        notes.append(f"sshd {setting.key} stays {chosen.value} ({chosen.place}): it is stricter than {setting.value}")
        return None
    both = as_strict_as_both(setting.bound, chosen.ours, chosen.value)
    if both == chosen.ours and setting.bound == "within":
        notes.append(
            f"sshd {setting.key} becomes ours: {chosen.value} ({chosen.place}) shares no name with what is held strong today"
        )
    return setting.value if both == chosen.ours else both


def _sysctls(found: Desired, controls: Sequence[Control], eyes: Eyes) -> None:
    wanted = {setting.key: _sysctl_value(setting, eyes, found.notes) for setting in _of(controls, settings.Sysctl)}
    # Forwarding comes first: a change of it sets others anew (inet_forward_change in net/ipv4/devinet.c).
    rows = sorted(wanted.items(), key=lambda row: ("forward" not in row[0], row))
    if rows:
        found.file(SYSCTL_FILE, _HEAD + "".join(f"{key} = {value}\n" for key, value in rows))
    for setting in _of(controls, settings.Sysctl):
        found.states |= {f"sysctl {key}": wanted[setting.key] for key in eyes.settable(setting.key)}


def _sysctl_value(setting: settings.Sysctl, eyes: Eyes, notes: list[str]) -> str:
    """Return the value of a parameter: one as good that the site chose stays."""
    chosen = eyes.chosen_sysctl(setting.key) if setting.accept else None
    if chosen not in setting.accept:
        return setting.value
    notes.append(f"{setting.key} stays {chosen}: it is as good as {setting.value}")
    return str(chosen)


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
        text = base(path)
        found.states[f"file {path}"] = file_state(with_keys(text, keys), 0o644)
        chosen = [(key, value) for key in keys if (value := value_of(text, key)) is not None and stays(key, value)]
        found.notes += [f"{path}: {key.name} stays {value}: it is stricter than {key.value}" for key, value in chosen]
    for setting in _of(controls, settings.Content):
        found.states[f"file {setting.path}"] = file_state(setting.content, int(setting.mode, 8))
        if setting.reload:
            found.reload(setting.path, *setting.reload)


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


def _password_ages(found: Desired, controls: Sequence[Control], eyes: Eyes) -> None:
    for setting in _of(controls, settings.PasswordAge):
        present = eyes.look(f"password_age {setting.account}")
        stricter = present is not None and 0 <= present < setting.max_days
        found.states[f"password_age {setting.account}"] = present if stricter else setting.max_days


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
