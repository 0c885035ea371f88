"""What a plan sees of this host. Looks, and changes nothing but one thing: a key that is not there yet is made, nowhere yet."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from nodeops.hardening.change.desired import SSHD_FILE, SYSCTL_FILE
from nodeops.hardening.change.sight import Chosen, SshdSite
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.settings import HostKey, Service, Sshd
from nodeops.hardening.host import pam, resources, sshd, sysctl_files
from nodeops.hardening.host.host_keys import host_key_states
from nodeops.hardening.host.reload import is_current
from nodeops.hardening.host.sshd_config import flat, for_everyone
from nodeops.hardening.host.states import State


class HostEyes:
    """The `Eyes` of a plan on the host that this runs on."""

    def look(self, key: str) -> State:
        """Return the state of a resource as it is now."""
        kind, _, name = key.partition(" ")
        return self._units[name] if kind == "unit" and name in self._units else resources.look(key)

    @cached_property
    def _units(self) -> dict[str, State]:
        """All units that a control may be about, asked for in one call: a call each is half of a plan's time."""
        services = (one for control in catalogue().values() for one in control.sets if isinstance(one, Service))
        return resources.look_units(sorted({one.unit for one in services}))

    def host_key(self, setting: HostKey) -> dict[str, State]:
        """Return the files of a key of the SSH server."""
        return host_key_states(setting)

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a pattern finds."""
        return resources.matching(pattern)

    def settable(self, key: str) -> list[str]:
        """Return the kernel parameters that a key stands for, are there and may be written: a container may not write its
        machine's."""
        found = (one for one in resources.sysctl_keys(key) if os.access(resources.sysctl_path(one), os.W_OK))
        # The kernel takes this one back at the next boot only (Documentation/admin-guide/LSM/Yama.rst).
        return [one for one in found if (one, resources.look(f"sysctl {one}")) != ("kernel.yama.ptrace_scope", "3")]

    def enabled(self, profiles: Iterable[str]) -> list[str]:
        """Return which profiles of PAM are enabled."""
        return pam.enabled(profiles)

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return Path(path).is_dir()

    def is_current(self, unit: str, path: str) -> bool:
        """Tell whether a unit's process read its files after they were changed last."""
        return is_current(unit, path)

    def chosen_sysctl(self, key: str) -> str | None:
        """Return the value that a file of the site's gives a kernel parameter."""
        said = sysctl_files.deciding(self._site_sysctls, key)
        return said.value if said else None

    @cached_property
    def _site_sysctls(self) -> list[sysctl_files.Assignment]:
        others = (one for one in resources.sysctl_assignments() if one.file != SYSCTL_FILE)
        return [one for one in others if not one.file.startswith("/usr/lib/")]

    def sshd_site(self, wanted: Sequence[Sshd]) -> SshdSite:
        """Return the SSH server as it would be without our drop-in."""
        lines = [line for line in sshd.lines() if line.file != SSHD_FILE]
        said = sshd.meaning(flat(lines))
        there = for_everyone(lines)
        chosen = {}
        for setting in (one for one in wanted if one.bound != "exact" and one.key.lower() in there):
            key = setting.key.lower()
            ours = sshd.meaning(f"{setting.key} {setting.value}\n").get(key)
            if ours and key in said:
                chosen[key] = Chosen(said[key][0], ours[0], f"{there[key].file} line {there[key].number}")
        methods = [line.value for line in lines if line.key == "authenticationmethods"]
        return SshdSite(chosen, methods, frozenset(key for key, values in said.items() if values == ["yes"]))
