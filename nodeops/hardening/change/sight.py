"""What a plan may ask of a host. Pure: `eyes.py` answers for the host that it runs on, a test for one that it makes up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nodeops.hardening.controls import settings
from nodeops.hardening.host.states import State


@dataclass(frozen=True)
class Chosen:
    """A value that somebody gave a keyword of sshd before us, where, and ours: both as `sshd -T` prints them."""

    value: str
    ours: str
    place: str


@dataclass(frozen=True)
class SshdSite:
    """The SSH server as it would be without us. `chosen` by keyword in lower case; `methods` are all values of
    AuthenticationMethods, of Match blocks too; `on` the keywords whose value is yes, chosen or by default."""

    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    methods: Sequence[str] = ()
    on: frozenset[str] = frozenset()


class Eyes(Protocol):
    """What a plan may ask of a host."""

    def look(self, key: str) -> State:
        """Return the state of a resource as it is now; None when it is absent."""

    def host_key(self, setting: settings.HostKey) -> dict[str, State]:
        """Return the files of a key of the SSH server, by resource key."""

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a pattern finds."""

    def settable(self, key: str) -> list[str]:
        """Return the kernel parameters that a key stands for and that can be set here."""

    def chosen_sysctl(self, key: str) -> str | None:
        """Return the value that a file of the site's gives a kernel parameter, neither ours nor a package's; None without."""

    def sshd_site(self, wanted: Sequence[settings.Sshd]) -> SshdSite:
        """Return the SSH server as it would be without us."""

    def enabled(self, profiles: Iterable[str]) -> list[str]:
        """Return which of these profiles of PAM are in force."""

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""

    def is_current(self, unit: str, path: str) -> bool:
        """Tell whether a unit's process read its files, this one and those beside it, after they were changed last."""
