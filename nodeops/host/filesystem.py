"""A filesystem at one moment, and what fills it. Sizes in bytes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Filesystem:
    """One filesystem at one moment, as df(1) shows it.

    `free` is what a process without privileges may still use; `total` counts nothing that is reserved for root.
    """

    mount: str
    device: int
    kind: str
    total: int
    free: int
    inodes: int
    inodes_free: int

    @property
    def used_percent(self) -> float:
        """Return the share that is used, in percent."""
        return 100.0 * (self.total - self.free) / self.total if self.total else 0.0

    @property
    def inodes_used_percent(self) -> float:
        """Return the share of inodes in use, in percent; 0 where a filesystem makes them as needed."""
        return 100.0 * (self.inodes - self.inodes_free) / self.inodes if self.inodes else 0.0


@dataclass(frozen=True)
class Usage:
    """What fills a filesystem, by class: ledger_log, sealed, chain_data, journal, backups, ballast, other."""

    mount: str
    classes: Mapping[str, int] = field(default_factory=dict)
