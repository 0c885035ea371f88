"""Facts that decide which controls apply to a host, computed once a run."""

from pathlib import Path

from nodeops.document.preflight import CONTAINERS
from nodeops.hardening.controls.facts import Facts
from nodeops.host.command import run

_SECONDS = 30
_MOST_STATUS_BYTES = 64 << 20
_UNIT_FOLDERS = (
    *("/etc/systemd/system.control", "/etc/systemd/system", "/etc/systemd/system.attached"),
    *("/run/systemd/system.control", "/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/transient"),
    *("/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late"),
    *("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"),
)
_KINDS = ("service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope")


def observe_facts() -> Facts:
    """Return the facts of this host."""
    words = dict(line.split("=", 1) for line in _read("/etc/os-release").splitlines() if "=" in line)
    release = f"{words.get('ID', 'unknown')} {words.get('VERSION_ID', '')}".replace('"', "").strip()
    said = run(["systemd-detect-virt"], timeout_seconds=_SECONDS, allowed_codes=(0, 1)).stdout.decode().strip()
    units = unit_files()
    flags = {
        "container": said in CONTAINERS,
        "debian12": release == "debian 12",
        "debian13": release == "debian 13",
        "ipv6": Path("/proc/sys/net/ipv6").exists(),
        "ipv6_from_router": is_leased(_read("/proc/net/if_inet6")) or is_announced(_read("/proc/net/ipv6_route")),
        "docker": "docker.service" in units,
        "grub": Path("/etc/default/grub").exists(),
        "apparmor": Path("/sys/kernel/security/apparmor").exists(),
    }
    return Facts(release, flags, installed_packages(), units)


def is_leased(addresses: str) -> bool:
    """Tell from /proc/net/if_inet6 whether an IPv6 address runs out unless a router or a DHCP server renews it.

    Columns: address, interface number, prefix length, scope, flags, name. Bit 0x80 of the flags is IFA_F_PERMANENT
    (linux/if_addr.h).
    """
    return any(len(row) == 6 and not int(row[4], 16) & 0x80 for row in map(str.split, addresses.splitlines()))


def is_announced(routes: str) -> bool:
    """Tell from /proc/net/ipv6_route whether a router announced the default route, which runs out without that router.

    Columns: destination, its prefix length, source, its prefix length, next hop, metric, references, uses, flags, name. Bit
    0x00040000 of the flags is RTF_ADDRCONF (linux/ipv6_route.h).
    """
    rows = (row for row in map(str.split, routes.splitlines()) if len(row) == 10)
    return any(row[0].strip("0") == "" and row[1] == "00" and int(row[8], 16) & 0x40000 for row in rows)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def installed_packages() -> frozenset[str]:
    """Return the names of all packages that are installed, without their architecture."""
    found = set()
    for paragraph in _read("/var/lib/dpkg/status")[:_MOST_STATUS_BYTES].split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n")[:4] if ": " in line)
        if fields.get("Status", "").endswith(" ok installed"):
            found.add(fields["Package"])
    return frozenset(found)


def unit_files() -> frozenset[str]:
    """Return the names of all unit files; a masked one counts, one that is not installed does not.

    The folders and kinds of systemd.unit(5): what `systemctl list-unit-files` lists, without half a second for each one's state.
    """
    found = (path for folder in _UNIT_FOLDERS for path in Path(folder).glob("*"))
    return frozenset(path.name for path in found if path.suffix[1:] in _KINDS)
