"""See what is there before deciding: hosts, networks, routes, images, and the files of the inventory folder."""

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import docker

from nodeops.lab import containers, keys
from nodeops.lab.boot import booted
from nodeops.lab.engine import images
from nodeops.lab.packages import cache
from nodeops.lab.parallel import each
from nodeops.lab.state import (
    CERTIFICATES_FOLDER,
    CUSTODY_FOLDER,
    EXPORTERS_FOLDER,
    GENESIS_FILE,
    IDENTITIES_FOLDER,
    KNOWN_HOSTS_FILE,
    LAB_FOLDER,
    LOG_HOSTS_FOLDER,
    REVISIONS_FOLDER,
    SSH_CONFIG_FILE,
    Seen,
    SeenHost,
)

_ROUTE_TABLE = Path("/proc/net/route")
_DEVICE_LIST = Path("/proc/devices")
_ROUTE_UP = 0x1  # RTF_UP, linux/route.h


def observe(client: docker.DockerClient | None, lab: str, folder: Path, ask_hosts: bool = False) -> Seen:
    """Return what is there of a lab and around it. With `ask_hosts` each running host is asked, once it has booted.

    Without a client there is no engine yet: nothing of it is seen.
    """
    seen = Seen(
        routes=dict(routes(_read(_ROUTE_TABLE))),
        texts=inventory_texts(folder),
        public_key=keys.public_key(folder, lab),
        loop_devices=any(line.split()[1:] == ["loop"] for line in _read(_DEVICE_LIST).splitlines()),
    )
    if client is None:
        return seen
    everything, foreign = containers.all_hosts(client)
    own = [host for host in everything if host.lab == lab]
    others = {host.name for host in everything if host.lab != lab}
    where = cache.address(client)
    return replace(
        seen,
        cache_lacks=bool(where) and not cache.answers(where),
        cache_idle=cache.NAME in foreign and not others,
        hosts=_asked(client, own) if ask_hosts else own,
        foreign_names=foreign | others,
        networks=list(containers.networks(client)),
        images={tag: _users(tag, everything, cache.NAME in foreign) for tag in images.our_images(client)},
    )


def _asked(client: docker.DockerClient, hosts: list[SeenHost]) -> list[SeenHost]:
    def ask(host: SeenHost) -> SeenHost:
        return replace(host, probe=booted(client, host)) if host.running else host

    return each(ask, hosts)


def _users(tag: str, hosts: Iterable[SeenHost], cached: bool) -> set[str]:
    """Return the labs that need an image: those with hosts of it, and all of them where it is the package cache's."""
    if tag.startswith(cache.IMAGE):
        return {host.lab for host in hosts} if cached else set()
    return {host.lab for host in hosts if host.features.get("image") == tag}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def routes(table: str) -> Iterable[tuple[str, str]]:
    """Yield (network, interface) of each IPv4 route that is up, without the default route; from /proc/net/route."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or not int(fields[3], 16) & _ROUTE_UP:
            continue
        address, mask = (ipaddress.IPv4Address(struct.pack("<L", int(fields[index], 16))) for index in (1, 7))
        if int(mask):
            yield str(ipaddress.IPv4Network((address, str(mask)))), fields[0]


def inventory_texts(folder: Path) -> dict[str, str]:
    """Return the content of what a lab has in its inventory folder; of a folder or a broken link only that it exists."""
    identities = [f"{IDENTITIES_FOLDER}/{path.name}" for path in (folder / IDENTITIES_FOLDER).glob("*.yml")]
    kinds = (CERTIFICATES_FOLDER, LOG_HOSTS_FOLDER, EXPORTERS_FOLDER)
    certificates = [f"{kind}/{path.name}" for kind in kinds for path in (folder / kind).glob("*.pem")]
    archives = [f"{CUSTODY_FOLDER}/{path.name}" for path in (folder / CUSTODY_FOLDER).glob("*.age")]
    own = (SSH_CONFIG_FILE, KNOWN_HOSTS_FILE, GENESIS_FILE, REVISIONS_FOLDER, LAB_FOLDER)
    names = [*own, *identities, *certificates, *archives]
    return {name: _read(folder / name) for name in names if (folder / name).exists() or (folder / name).is_symlink()}
