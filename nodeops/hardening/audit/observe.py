"""What an audit asks a host, each question once: the merged configuration of sshd and systemd, units, files, kernel."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.hardening.audit.judge_sshd import SshdSeen
from nodeops.hardening.audit.rivals import Files
from nodeops.hardening.change.desired import reads_ours
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.host import sshd
from nodeops.hardening.host.facts import observe_facts
from nodeops.hardening.host.reload import is_current
from nodeops.hardening.host.resources import look, look_units, sysctl_assignments
from nodeops.hardening.host.sshd_config import MAIN, Line, blocks, concerns
from nodeops.hardening.host.states import State
from nodeops.hardening.host.sysctl_files import Assignment
from nodeops.host.command import run
from nodeops.host.units.unit_settings import exposure, unit_settings

_SECONDS = 30


class Host:
    """The host as it is at the time of one audit."""

    def __init__(self) -> None:
        self._units: dict[str, State] = {}
        self._merged: dict[str, dict[str, str]] = {}
        self._meanings: dict[str, dict[str, list[str]]] = {}
        self._unit_files: dict[str, Files] = {}
        self._current: dict[tuple[str, str], bool] = {}

    @cached_property
    def facts(self) -> Facts:
        """Return what decides which controls apply."""
        return observe_facts()

    @property
    def container(self) -> bool:
        """Tell whether kernel and clock are those of another machine."""
        return self.facts.flags["container"]

    def text(self, path: str) -> str | None:
        """Return the text of a file; None when there is none."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None

    @cached_property
    def sshd_seen(self) -> SshdSeen:
        """Return what sshd makes of all its files, and of each Match block that can open a way in."""
        found, accounts = blocks(sshd.lines()), sshd.accounts()
        said = {block: _said_in(lines) for block, lines in found.items() if concerns(block, accounts)}
        options = sshd.started_with()
        ours = "-f" not in options and reads_ours(sshd.files_read())
        return SshdSeen(sshd.dump(options), said, ours, is_current("ssh.service", MAIN), " ".join(options))

    def ask_sshd(self, lines: Sequence[str]) -> None:
        """Ask sshd about many lines at once, and about each half where it refuses one; a keyword that is there twice is asked
        about by itself later."""
        keywords = Counter(line.split()[0].lower() for line in lines)
        self._ask_sshd([line for line in lines if keywords[line.split()[0].lower()] == 1])

    def _ask_sshd(self, lines: Sequence[str]) -> None:
        found = sshd.meaning("".join(f"{line}\n" for line in lines))
        if "error" not in found or len(lines) == 1:
            self._meanings |= dict.fromkeys(lines, found)
            return
        middle = len(lines) // 2
        self._ask_sshd(lines[:middle])
        self._ask_sshd(lines[middle:])

    def ask_units(self, names: Sequence[str]) -> None:
        """Ask systemd about many units at once."""
        self._units |= look_units(names)

    def sshd_meaning(self, line: str) -> dict[str, list[str]]:
        """Return what sshd makes of a line, so that 2m and 120 are the same."""
        if line not in self._meanings:
            self._meanings[line] = sshd.meaning(f"{line}\n")
        return self._meanings[line]

    def service_is_current(self, unit: str, path: str) -> bool:
        """Tell whether a unit that runs has read a file, and those beside it, since they were changed last."""
        if (unit, path) not in self._current:
            self._current[unit, path] = is_current(unit, path)
        return self._current[unit, path]

    @cached_property
    def sysctl_assignments(self) -> list[Assignment]:
        """Return what all files of kernel parameters say, in the order in which they are read."""
        return sysctl_assignments()

    def files(self, *folders: str, pattern: str = "*.conf") -> Files:
        """Return the files of folders by name with their texts; of two of one name that of the folder named first."""
        found = {path.name: str(path) for folder in reversed(folders) for path in Path(folder).glob(pattern)}
        return [(path, text) for _, path in sorted(found.items()) if (text := self.text(path)) is not None]

    @cached_property
    def module_files(self) -> Files:
        """Return the files of modprobe, in its order."""
        return self.files("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d")

    @cached_property
    def limits_files(self) -> Files:
        """Return the files of pam_limits, in its order."""
        main = "/etc/security/limits.conf"
        return [(main, self.text(main) or ""), *self.files("/etc/security/limits.d")]

    @cached_property
    def sudo_files(self) -> Files:
        """Return the files of sudo, in its order: what /etc/sudoers says behind its folder comes last."""
        main = "/etc/sudoers"
        before, _, after = re.split(r"^([@#]includedir\s.*)$|\Z", self.text(main) or "", maxsplit=1, flags=re.MULTILINE)
        inside = [row for row in self.files("/etc/sudoers.d", pattern="*") if "." not in Path(row[0]).name and row[0][-1] != "~"]
        return [(main, before), *inside, (main, after)]

    @cached_property
    def apt_files(self) -> Files:
        """Return the files of apt, in its order."""
        return [*self.files("/etc/apt/apt.conf.d", pattern="*"), ("/etc/apt/apt.conf", self.text("/etc/apt/apt.conf") or "")]

    @cached_property
    def apt_dump(self) -> str:
        """Return what apt makes of all its files."""
        done = run(["apt-config", "dump"], timeout_seconds=_SECONDS, allowed_codes=range(256))
        return done.stdout.decode(errors="replace")

    def unit_files(self, name: str) -> Files:
        """Return the file of a unit and its drop-ins, in systemd's order."""
        if name not in self._unit_files:
            paths = map(str, unit_settings(name).files)
            self._unit_files[name] = [(path, self.text(path) or "") for path in paths]
        return self._unit_files[name]

    def unit(self, name: str) -> State:
        """Return whether a unit is enabled and active."""
        if name not in self._units:
            self._units[name] = look(f"unit {name}")
        return self._units[name]

    def systemd_value(self, file: str, section: str, key: str) -> str | None:
        """Return the value that systemd's files and drop-ins together give a key; None when none does."""
        if file not in self._merged:
            done = run(
                ["systemd-analyze", "cat-config", "--no-pager", f"systemd/{file}"], timeout_seconds=_SECONDS, allowed_codes=(0, 1)
            )
            self._merged[file] = _ini(done.stdout.decode(errors="replace"))
        return self._merged[file].get(f"{section}.{key}")

    def exposure(self, unit: str) -> float | None:
        """Return how exposed systemd says a unit is; None when it is not installed or not shown."""
        try:
            return exposure(unit)
        except NodeopsError:
            return None

    @cached_property
    def modules(self) -> frozenset[str]:
        """Return the kernel modules that are loaded."""
        return frozenset(line.split()[0] for line in (self.text("/proc/modules") or "").splitlines() if line)

    @cached_property
    def mounts(self) -> dict[str, list[str]]:
        """Return the options of each mount point."""
        rows = (line.split() for line in (self.text("/proc/self/mounts") or "").splitlines())
        return {row[1].replace("\\040", " "): row[3].split(",") for row in rows}

    @cached_property
    def command_line(self) -> frozenset[str]:
        """Return the words that the kernel was started with."""
        return frozenset((self.text("/proc/cmdline") or "").split())


def _said_in(lines: Sequence[Line]) -> sshd.Said:
    """Return what sshd makes of the lines of a block, without what they leave to others; as written where it cannot be asked."""
    written: sshd.Said = {}
    for line in lines:
        written.setdefault(line.key, [line.value])
    said = sshd.meaning("".join(f"{line.keyword} {line.value}\n" for line in lines))
    return {key: said.get(key, value) for key, value in written.items()}


def _ini(text: str) -> dict[str, str]:
    section, found = "", {}
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found[f"{section}.{key.strip()}"] = value.strip()
    return found
