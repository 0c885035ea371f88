"""Containers and networks of labs on the engine: how one is made, found by its labels, started, stopped, asked, removed."""

import io
import tarfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import docker
from docker.errors import NotFound
from docker.types import IPAMConfig, IPAMPool, NetworkingConfig

from nodeops.core.errors import InputError
from nodeops.document.lab_accounts import LAB_FILE
from nodeops.lab.engine.engine import explained
from nodeops.lab.plan import settings_digest
from nodeops.lab.spec import HostSpec, Lab, lab_identity
from nodeops.lab.state import Probe, SeenHost, SeenNetwork, container_name, network_name
from nodeops.lab.texts import HOST_KEY, USER, USER_ID, authorized_keys, host_files

LAB_LABEL = "nodeops.lab"
NODE_LABEL = "nodeops.node"
FOLDER_LABEL = "nodeops.folder"
LOADED_LABEL, LOADED_WITH_LABEL = "nodeops.loaded", "nodeops.loaded-with"
_FEATURE_LABEL = "nodeops.feature."

# What systemd, nftables, loop devices and the audits under test need, and not more: such a container runs where
# `--privileged` is forbidden, and sees no disk of the machine but loop devices.
SETTINGS: dict[str, Any] = {
    "cap_add": [
        *("SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYSLOG", "AUDIT_CONTROL", "LINUX_IMMUTABLE"),
        # What the disk guard looks at processes and files with, so that it needs no right to change them.
        *("DAC_READ_SEARCH", "LEASE"),
    ],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "cgroupns": "private",
    "tmpfs": {"/run": "", "/run/lock": "", "/tmp": "exec"},  # noqa: S108 - a mount point inside the container
    "device_cgroup_rules": ["b 7:* rmw", "c 10:237 rmw"],
    "pids_limit": -1,
    "log_config": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
}
# The engine's own words for `--security-opt systempaths=unconfined`, which only its command line translates.
_UNMASKED: dict[str, list[str]] = {"MaskedPaths": [], "ReadonlyPaths": []}
_ENVIRONMENT = {"container": "docker"}
SETTINGS_DIGEST = settings_digest({**SETTINGS, **_UNMASKED, "environment": _ENVIRONMENT})

# systemd stops its units one after the other; a ledger may take its time to close its database, and a host that is saved packs
# its disks. The engine kills one that takes longer.
_STOP_SECONDS = 180
_PROBE = f"""
printf 'state %s\\n' "$(timeout 60 systemctl is-system-running --wait 2>/dev/null)"
systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null | while read -r unit rest; do echo "failed $unit"; done
sed 's/^/host_key /' /etc/ssh/ssh_host_ed25519_key.pub
sed 's/^/authorized /' /home/{USER}/.ssh/authorized_keys
""".strip()
_MOST_PROBE_BYTES = 64 << 10


def create_network(client: docker.DockerClient, lab: Lab) -> None:
    """Make the lab's network."""
    pool = IPAMPool(subnet=lab.subnet, gateway=lab.gateway)
    labels = {LAB_LABEL: lab.name, FOLDER_LABEL: str(lab.folder)}
    with explained(f"network {network_name(lab.name)} cannot be made"):
        client.networks.create(network_name(lab.name), driver="bridge", ipam=IPAMConfig(pool_configs=[pool]), labels=labels)


def create_host(
    client: docker.DockerClient,
    lab: Lab,
    host: HostSpec,
    features: Mapping[str, str],
    image: str = "",
    more_labels: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Make the container of a host, from an image other than the lab's if one is named, and return its id; it is not started."""
    network = network_name(lab.name)
    labels = {LAB_LABEL: lab.name, NODE_LABEL: host.name, FOLDER_LABEL: str(lab.folder)}
    labels |= {_FEATURE_LABEL + key: value for key, value in features.items()} | dict(more_labels)
    endpoint = client.api.create_endpoint_config(ipv4_address=host.address)
    host_config = client.api.create_host_config(network_mode=network, **SETTINGS)
    host_config.update(_UNMASKED)
    with explained(f"host {host.name} cannot be made"):
        made = client.api.create_container(
            image or features["image"],
            name=container_name(lab.name, host.name),
            hostname=host.name,
            environment=_ENVIRONMENT,
            labels=labels,
            host_config=host_config,
            networking_config=NetworkingConfig({network: endpoint}),  # type: ignore[arg-type]  # the stub forgets the names
        )
    return str(made["Id"])


def furnish(client: docker.DockerClient, lab: str, host: HostSpec, container: str, cache: str) -> None:
    """Put into a host that was never started what its first boot needs. `cache`: where the package cache is, if anywhere."""
    with explained(f"host {host.name} cannot be furnished"):
        client.api.put_archive(container, "/", _archive(host_files(lab, host, cache), 0))


def authorise(client: docker.DockerClient, container: str, public_key: str) -> None:
    """Let the lab's key, and no other, in as the lab's user."""
    with explained("the SSH key cannot be put into a host"):
        client.api.put_archive(
            container, f"/home/{USER}", _archive({".ssh/authorized_keys": authorized_keys(public_key)}, USER_ID)
        )


def _archive(files: Mapping[str, str], owner: int) -> bytes:
    """Return a tar of files and the folders above them, which are private to a user that is not root."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in files.items():
            for folder in reversed(Path(name).parents[:-1]):
                entry = _entry(str(folder), owner, 0o700 if owner else 0o755)
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            entry = _entry(name, owner, 0o600 if owner else 0o644)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def _entry(name: str, owner: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.uid = entry.gid = owner
    entry.mode = mode
    return entry


def start(client: docker.DockerClient, host: SeenHost) -> None:
    """Start a container, or let a paused one go on."""
    with explained(f"host {host.node} cannot be started"):
        if host.state == "paused":
            client.api.unpause(host.id)
        else:
            client.api.start(host.id)


def stop(client: docker.DockerClient, host: SeenHost, kill: bool) -> None:
    """Shut a host down, or cut its power."""
    with explained(f"host {host.node} cannot be stopped"):
        if kill:
            client.api.kill(host.id, "SIGKILL")
        else:
            client.containers.get(host.id).stop(timeout=_STOP_SECONDS)


def remove(client: docker.DockerClient, host: SeenHost) -> None:
    """Remove a container, whatever its state; one that is already gone is no fault."""
    with explained(f"host {host.node} cannot be removed"):
        try:
            client.api.remove_container(host.id, v=True, force=True)
        except NotFound:
            return


def remove_network(client: docker.DockerClient, identifier: str) -> None:
    """Remove a network; one that is already gone is no fault."""
    with explained("the lab's network cannot be removed"):
        try:
            client.api.remove_network(identifier)
        except NotFound:
            return


def probe(client: docker.DockerClient, container: str) -> Probe:
    """Return what a running host says of itself, once systemd has finished booting."""
    with explained("a host cannot be asked"):
        job = client.api.exec_create(container, ["sh", "-c", _PROBE])
        output = client.api.exec_start(job["Id"])
    return parse_probe(output[:_MOST_PROBE_BYTES].decode(errors="replace"))


def parse_probe(text: str) -> Probe:
    """Return the answer of a host. What is not of the expected form counts as not said."""
    said: dict[str, list[str]] = {"state": [], "failed": [], "host_key": [], "authorized": []}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word in said:
            said[word].append(rest.strip())
    key = HOST_KEY.match(said["host_key"][0]) if said["host_key"] else None
    state = said["state"][0] if said["state"] else ""
    return Probe(state or "offline", tuple(said["failed"]), key[0] if key else "", "\n".join(said["authorized"]))


def all_hosts(client: docker.DockerClient) -> tuple[list[SeenHost], set[str]]:
    """Return the hosts of all labs on the engine, and the names of all other containers."""
    with explained("containers cannot be listed"):
        rows = client.api.containers(all=True)
    ours = [row for row in rows if _is_host(row)]
    homes = {(row["Labels"].get(FOLDER_LABEL, ""), row["Labels"][LAB_LABEL]) for row in ours}
    living = {home for home in homes if _is_lab(*home)}
    return [_seen_host(row, living) for row in ours], {_name(row) for row in rows if not _is_host(row)}


def _is_host(row: Mapping[str, Any]) -> bool:
    labels = row.get("Labels") or {}
    return bool(labels.get(LAB_LABEL) and labels.get(NODE_LABEL))


def _name(row: Mapping[str, Any]) -> str:
    return str((row.get("Names") or ["/?"])[0]).removeprefix("/")


def _seen_host(row: Mapping[str, Any], living: Collection[tuple[str, str]]) -> SeenHost:
    labels: dict[str, str] = row["Labels"]
    features = {key.removeprefix(_FEATURE_LABEL): value for key, value in labels.items() if key.startswith(_FEATURE_LABEL)}
    folder = labels.get(FOLDER_LABEL, "")
    lab = labels[LAB_LABEL]
    return SeenHost(
        id=row["Id"],
        name=_name(row),
        lab=lab,
        node=labels[NODE_LABEL],
        state=row["State"],
        features=features,
        folder=folder,
        folder_is_lab=(folder, lab) in living,
        loaded=labels.get(LOADED_LABEL, ""),
        loaded_with=tuple(labels.get(LOADED_WITH_LABEL, "").split()),
    )


def _is_lab(folder: str, lab: str) -> bool:
    """Tell whether a folder still holds a lab of this name; one that cannot be read may be another user's, and counts."""
    try:
        return bool(folder) and lab_identity(Path(folder))[0] == lab
    except InputError:
        return (Path(folder) / LAB_FILE).is_file()
    except OSError:
        return True


def networks(client: docker.DockerClient) -> Iterator[SeenNetwork]:
    """Yield all networks of the engine; users are known of labs' networks only."""
    with explained("networks cannot be listed"):
        for row in client.api.networks():
            lab = (row.get("Labels") or {}).get(LAB_LABEL, "")
            try:
                details = client.api.inspect_network(row["Id"]) if lab else row
            except NotFound:
                # Another lab went down since they were listed.
                continue
            pools = (row.get("IPAM") or {}).get("Config") or []
            subnets = tuple(str(pool["Subnet"]) for pool in pools if "Subnet" in pool)
            yield SeenNetwork(row["Id"], row["Name"], lab, subnets, _users(details))


def _users(network: Mapping[str, Any]) -> dict[str, str]:
    members = (network.get("Containers") or {}).values()
    return {str(member.get("IPv4Address", "")).partition("/")[0]: str(member.get("Name", "")) for member in members}
