"""Facts that decide which controls apply to a host, computed once a run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from nodeops.document.preflight import CONTAINERS
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.host.resources import sysctl_assignments
from nodeops.hardening.host.sysctl_files import said_of
from nodeops.host.command import run

_SECONDS = 30
_MOST_STATUS_BYTES = 64 << 20
_UNIT_FOLDERS = (
    *("/etc/systemd/system.control", "/etc/systemd/system", "/etc/systemd/system.attached"),
    *("/run/systemd/system.control", "/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/transient"),
    *("/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late"),
    *("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"),
)
# Units whose engines switch forwarding on for what they run.
_ENGINES = {
    "docker.service": "Docker",
    "podman.service": "podman",
    "containerd.service": "containerd",
    "crio.service": "CRI-O",
    "kubelet.service": "Kubernetes",
    "k3s.service": "k3s",
    "k3s-agent.service": "k3s",
    "libvirtd.service": "libvirt",
    "virtqemud.service": "libvirt",
    "lxc-net.service": "LXC",
    "lxd.service": "LXD",
    "incus.service": "Incus",
}
_KINDS = ("service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope")


def observe_facts() -> Facts:
    """Return the facts of this host."""
    words = dict(line.split("=", 1) for line in _read("/etc/os-release").splitlines() if "=" in line)
    release = f"{words.get('ID', 'unknown')} {words.get('VERSION_ID', '')}".replace('"', "").strip()
    said = run(["systemd-detect-virt"], timeout_seconds=_SECONDS, allowed_codes=(0, 1)).stdout.decode().strip()
    units = unit_files()
    needing = tuple(forwarders(units, _tunnels(), _forwarding_is_on()))
    flags = {
        "container": said in CONTAINERS,
        "debian12": release == "debian 12",
        "debian13": release == "debian 13",
        "ipv6": Path("/proc/sys/net/ipv6").exists(),
        "ipv6_from_router": is_leased(_read("/proc/net/if_inet6")) or is_announced(_read("/proc/net/ipv6_route")),
        "forwards": bool(needing),
        "grub": Path("/etc/default/grub").exists(),
        "usb_in_use": beyond_input(map(_read, map(str, Path("/sys/bus/usb/devices").glob("*/bInterfaceClass")))),
        "apparmor": Path("/sys/kernel/security/apparmor").exists(),
    }
    return Facts(release, flags, installed_packages(), units, needing)


def beyond_input(classes: Iterable[str]) -> bool:
    """Tell whether there is a USB device that is let in and is no keyboard, mouse or hub: one that is not has no interfaces.

    `classes` are those of all interfaces, in hexadecimal: 03 is HID, 09 a hub (usb.org, Defined Class Codes).
    """
    return not {one.strip() for one in classes} <= {"03", "09"}


def forwarders(units: Iterable[str], tunnels: Sequence[str], on: bool) -> list[str]:
    """Return what on a host needs it to forward packets: engines of containers and of virtual machines, and tunnels where
    somebody switched forwarding on."""
    engines = sorted({name for unit in units for name in [_ENGINES.get(unit)] if name})
    return [*engines, *(tunnels if on else ())]


def _tunnels() -> list[str]:
    """Return tunnels that are there or configured: WireGuard's by their kind, those of others by the driver that they share."""
    links = [path.parent.name for path in Path("/sys/class/net").glob("*/uevent") if "DEVTYPE=wireguard" in _read(str(path))]
    links += [path.parent.name for path in Path("/sys/class/net").glob("*/tun_flags")]
    return sorted({f"tunnel {name}" for name in [*links, *(path.stem for path in Path("/etc/wireguard").glob("*.conf"))]})


def _forwarding_is_on() -> bool:
    """Tell whether somebody lets this host forward: now, or by a file that is not ours."""
    others = [one for one in sysctl_assignments() if not one.file.endswith("/90-nodeops.conf")]
    chosen = said_of(others, ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding")).values()
    return _read("/proc/sys/net/ipv4/ip_forward").strip() == "1" or any(one.value == "1" for one in chosen)


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
