"""What apt says, read: what it would install and remove, where versions come from, how large they are. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_INSTALL = re.compile(r"Inst (\S+) (?:\[(\S+)\] )?\((\S+) (.*?)\[\S+\]\)")
# Suites of Debian and Ubuntu that carry patches of security: bookworm-security, Debian-Security:12/stable-security.
_SECURITY = "-security"


@dataclass(frozen=True)
class Offer:
    """One line of a simulation: a package, the version that is installed (empty: none), the one that would be, its origins."""

    name: str
    installed: str
    candidate: str
    origins: str

    @property
    def security(self) -> bool:
        """Tell whether the version that would be installed comes from a suite of security patches."""
        return _SECURITY in self.origins.lower()


def offers(simulation: str) -> list[Offer]:
    """Return what `apt-get --simulate` would install, in its order."""
    found = (_INSTALL.match(line) for line in simulation.splitlines())
    return [Offer(one[1], one[2] or "", one[3], one[4].strip()) for one in found if one]


def removals(simulation: str) -> list[str]:
    """Return what `apt-get --simulate` would remove."""
    return sorted({line.split()[1] for line in simulation.splitlines() if line.startswith(("Remv ", "Purg "))})


def security_above(policy: str) -> set[str]:
    """Return the packages for which `apt-cache policy` knows a security version above the one that is installed.

    A point release may bring a higher version than the last patch of security: what it replaces is still a known hole.
    """
    found, name, above = set(), "", False
    for line in policy.splitlines():
        if line and not line.startswith(" "):
            name, above = line.rstrip().removesuffix(":"), True
        elif line.startswith(" ***"):
            above = False
        elif above and _SECURITY in line.lower() and len(line.split()) > 2:
            found.add(name)
    return found


@dataclass(frozen=True)
class Size:
    """Bytes of a package: to fetch, and unpacked."""

    download: int
    unpacked: int


def sizes(shown: str) -> Mapping[str, Size]:
    """Return the sizes of what `apt-cache show` shows, by `name=version`."""
    return dict(_sizes(shown))


def _sizes(shown: str) -> Iterator[tuple[str, Size]]:
    for stanza in shown.split("\n\n"):
        row = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        if "Package" in row and "Version" in row:
            # Installed-Size is in units of 1024 bytes (Debian policy 5.6.20).
            yield f"{row['Package']}={row['Version']}", Size(int(row.get("Size", 0)), int(row.get("Installed-Size", 0)) * 1024)
