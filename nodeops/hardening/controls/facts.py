"""What is known of a host when it is decided which controls apply to it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What is known of a host. `release` such as "debian 12"; `packages` are installed, `units` have a unit file; `forwarders`
    need the host to forward packets."""

    release: str
    flags: Mapping[str, bool]
    packages: frozenset[str]
    units: frozenset[str]
    forwarders: tuple[str, ...] = ()

    def hold(self, names: list[str]) -> bool:
        """Tell whether all names are true; "not:" before one means false. Raise KeyError for one that is not known."""
        return all(self._holds(name) for name in names)

    def _holds(self, name: str) -> bool:
        kind, _, rest = name.partition(":")
        if kind == "not":
            return not self._holds(rest)
        if kind == "installed":
            return rest in self.packages
        if kind == "unit":
            return rest in self.units
        return self.flags[name]
