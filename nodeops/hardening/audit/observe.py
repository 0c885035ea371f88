"""What an audit asks a host, each question once: the merged configuration of sshd and systemd, units, files, kernel."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.host.facts import observe_facts
from nodeops.hardening.host.reload import in_force_since
from nodeops.hardening.host.resources import look, look_units
from nodeops.hardening.host.states import State
from nodeops.host.command import run
from nodeops.host.units.unit_settings import exposure

_SECONDS = 30
_SSHD_FILES = ("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf")


class Host:
    """The host as it is at the time of one audit."""

    def __init__(self) -> None:
        self._units: dict[str, State] = {}
        self._merged: dict[str, dict[str, str]] = {}
        self._meanings: dict[str, dict[str, list[str]]] = {}
        self._since: dict[str, float | None] = {}

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

    def changed(self, *patterns: str) -> float:
        """Return when any file that matches was written last, in Unix seconds; 0 when there is none."""
        files = [file for pattern in patterns for file in Path("/").glob(pattern.lstrip("/"))]
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)

    @cached_property
    def sshd(self) -> dict[str, list[str]]:
        """Return what sshd makes of all its files, by keyword in lower case."""
        return _sshd_dump([])

    def ask_sshd(self, lines: Sequence[str]) -> None:
        """Ask sshd about many lines at once, and about each half where it refuses one; a keyword that is there twice is asked
        about by itself later."""
        keywords = Counter(line.split()[0].lower() for line in lines)
        self._ask_sshd([line for line in lines if keywords[line.split()[0].lower()] == 1])

    def _ask_sshd(self, lines: Sequence[str]) -> None:
        found = _sshd_said(lines)
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
            self._meanings[line] = _sshd_said([line])
        return self._meanings[line]

    @cached_property
    def sshd_is_current(self) -> bool:
        """Tell whether the listener has read its files since they were changed last."""
        return self.service_is_current("ssh.service", *_SSHD_FILES)

    def service_is_current(self, unit: str, *patterns: str) -> bool:
        """Tell whether a unit that runs has read its files since they were changed last."""
        if unit not in self._since:
            self._since[unit] = in_force_since(unit)
        since = self._since[unit]
        return since is None or since >= self.changed(*patterns)

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


def _sshd_said(lines: Sequence[str]) -> dict[str, list[str]]:
    with tempfile.NamedTemporaryFile("w", prefix="nodeops-sshd-", dir="/run") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        return _sshd_dump(["-f", file.name])


def _sshd_dump(options: list[str]) -> dict[str, list[str]]:
    done = run(["/usr/sbin/sshd", "-T", *options], timeout_seconds=_SECONDS, allowed_codes=range(256))
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    if done.returncode or not found:
        found["error"] = [done.stderr.decode(errors="replace").strip()[-300:]]
    return found


def _ini(text: str) -> dict[str, str]:
    section, found = "", {}
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found[f"{section}.{key.strip()}"] = value.strip()
    return found
