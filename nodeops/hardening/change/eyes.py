"""What a plan sees of this host. Looks, and changes nothing but one thing: a key that is not there yet is made, nowhere yet."""

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.settings import HostKey, Service
from nodeops.hardening.host import pam, resources
from nodeops.hardening.host.host_keys import host_key_states
from nodeops.hardening.host.reload import in_force_since
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
        return [one for one in resources.sysctl_keys(key) if os.access(resources.sysctl_path(one), os.W_OK)]

    def enabled(self, profiles: Iterable[str]) -> list[str]:
        """Return which profiles of PAM are enabled."""
        return pam.enabled(profiles)

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        return Path(path).is_dir()

    def older(self, unit: str, path: str) -> bool:
        """Tell whether a unit's process read its files before this one was written: a reload was lost, or a hand wrote it."""
        since, file = in_force_since(unit), Path(path)
        return since is not None and file.exists() and since < file.stat().st_mtime
