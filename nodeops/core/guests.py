"""How many may be connected to a server at once: in all, and from one address. Pure."""

from collections import Counter
from ipaddress import IPv6Address, ip_address

# A silent connection takes 50 kB in the exporter, 300 kB in a log host: all of them fit into MemoryMax and LimitNOFILE there.
MOST_CONNECTIONS = 256
# Whoever comes rightly has one; with its people, and what died unseen, some more.
MOST_EACH = 16
# Whoever has one IPv6 address has as many as its network (RFC 4291: 64 bits of it are the host's).
_HOST_BITS = 64


class Guests:
    """Who is connected. `most` and `most_each` are how many may be, in all and from one address."""

    def __init__(self, most: int = MOST_CONNECTIONS, most_each: int = MOST_EACH):
        self._most, self._most_each = most, most_each
        self._here: Counter[str] = Counter()

    def full(self, address: str) -> bool:
        """Tell whether one more from an address is too many."""
        return self._here.total() >= self._most or self._here[_home(address)] >= self._most_each

    def came(self, address: str) -> None:
        """Take down one more from an address."""
        self._here[_home(address)] += 1

    def left(self, address: str) -> None:
        """Take down that one of them left. Nothing is kept of an address that nobody is connected from."""
        home = _home(address)
        self._here[home] -= 1
        if self._here[home] <= 0:
            del self._here[home]


def _home(address: str) -> str:
    """Return what counts as one address; a host's own socket has none."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None) or found
    return f"{int(mapped) >> _HOST_BITS:x}/{_HOST_BITS}" if isinstance(mapped, IPv6Address) else str(mapped)
