"""Decide what a lab needs: from what should be and what was seen to a list of steps. Pure: the plan shown is the plan run."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from nodeops.core.digest import digest
from nodeops.core.errors import HostError, InputError, Refused
from nodeops.lab import texts
from nodeops.lab.spec import HostSpec, Lab
from nodeops.lab.state import (
    GENESIS_FILE,
    KNOWN_HOSTS_FILE,
    LAB_FOLDER,
    REVISIONS_FOLDER,
    SSH_CONFIG_FILE,
    Act,
    Seen,
    SeenHost,
    SeenNetwork,
    Step,
    container_name,
    network_name,
    published_files,
)

# Why something goes that other labs could use again.
PURGED = "--purge"
# How Docker names the interface of a network: `br-` and the first 12 digits of its id.
_BRIDGE_ID_DIGITS = 12
# States from which Docker brings a container up again; others are leftovers of an engine that was killed.
_STARTABLE = ("created", "exited", "paused", "restarting")


def features(host: HostSpec, image: str, settings: str) -> dict[str, str]:
    """Return what a container must have been made with to be this host. `settings` names how containers are run."""
    disks = ", ".join(f"{path}={size}" for path, size in host.filesystems)
    return {"image": image, "address": host.address, "filesystems": disks, "settings": settings}


def plan_up(lab: Lab, images: Mapping[str, str], settings: str, seen: Seen, recreate: bool) -> list[Step]:
    """Return the steps that bring a lab up, in order; none when it is up. `images`: release -> tag.

    Raise Refused when the lab belongs to another folder, was loaded by half, or its hosts no longer fit and `recreate` was
    not asked for, HostError when something foreign has its addresses or names.
    """
    _refuse_half_loaded(lab, seen)
    return plan_hosts(lab, images, settings, seen, recreate)


def _refuse_half_loaded(lab: Lab, seen: Seen) -> None:
    """Refuse to mix hosts of a save with new ones, which would be other validators than the genesis names."""
    there = {host.node for host in seen.hosts}
    for host in seen.hosts:
        missing = sorted({spec.name for spec in lab.hosts} & set(host.loaded_with) - there)
        if missing:
            raise Refused(
                f"was loaded by half from {host.loaded}: {', '.join(missing)} is missing",
                where=f"lab {lab.name}",
                hint="nodeops lab load completes it, nodeops lab down removes it",
            )


def plan_hosts(lab: Lab, images: Mapping[str, str], settings: str, seen: Seen, recreate: bool) -> list[Step]:
    """Return the steps of `plan_up`, whatever the hosts were made from."""
    wanted = {host.name: features(host, images[host.release], settings) for host in lab.hosts}
    _refuse_other_folder(lab.name, str(lab.folder), seen)
    _refuse_taken(lab, seen)
    unfit = dict(_unfit(lab, wanted, seen))
    gone = {
        host.node: "leftover of an engine that was killed"
        for host in _of(lab, seen)
        if host.state not in ("running", *_STARTABLE)
    }
    gone |= {host.node: f"its inventory {host.folder} is gone" for host in seen.hosts if _orphan(host, lab)}
    blocking = {name: why for name, why in unfit.items() if name not in gone}
    if blocking and not recreate:
        raise Refused(
            "\n".join(f"{name}: {why}" for name, why in blocking.items()),
            where=f"lab {lab.name}",
            hint="make these hosts anew with --recreate (what is on them is lost), or undo the change",
        )
    return [*_removals(lab, {**unfit, **gone}, seen), *_additions(lab, images, {**unfit, **gone}, seen)]


def _of(lab: Lab, seen: Seen) -> list[SeenHost]:
    names = {host.name for host in lab.hosts}
    return [host for host in seen.hosts if host.node in names]


def _orphan(host: SeenHost, lab: Lab) -> bool:
    return host.folder != str(lab.folder) and not host.folder_is_lab


def _refuse_other_folder(lab: str, folder: str, seen: Seen) -> None:
    others = sorted({host.folder for host in seen.hosts if host.folder != folder and host.folder_is_lab})
    if others:
        raise Refused(
            f"a lab of this name belongs to {others[0]}",
            where=f"lab {lab}",
            hint=f"run `nodeops lab down --inventory {others[0]}` first, or give this lab another name in lab.yml",
        )


def _refuse_taken(lab: Lab, seen: Seen) -> None:
    clashes = [*_network_clashes(lab, seen), *_name_clashes(lab, seen), *_address_clashes(lab, seen)]
    if clashes:
        raise HostError(
            "\n".join(clashes), where=f"lab {lab.name}", hint="change lab.yml and consortium.yml, or remove what is in the way"
        )
    if not seen.loop_devices and any(host.filesystems for host in lab.hosts):
        raise HostError(
            "this machine has no loop devices, which `filesystems` needs", where=f"lab {lab.name}", hint="modprobe loop"
        )


def _network_clashes(lab: Lab, seen: Seen) -> Iterator[str]:
    subnet = ipaddress.IPv4Network(lab.subnet)
    bridges = {f"br-{network.id[:_BRIDGE_ID_DIGITS]}" for network in seen.networks}
    for network in seen.networks:
        if network.lab == lab.name:
            continue
        if network.name == network_name(lab.name):
            yield f"the Docker network {network.name} exists and is not ours"
        for other in network.subnets:
            if _overlap(subnet, other):
                yield f"subnet {lab.subnet} is taken: the Docker network {network.name} has {other}"
    for route, interface in seen.routes.items():
        if interface not in bridges and _overlap(subnet, route):
            yield f"subnet {lab.subnet} is taken: this machine reaches {route} through {interface}"


def _overlap(subnet: ipaddress.IPv4Network, other: str) -> bool:
    try:
        return subnet.overlaps(ipaddress.IPv4Network(other))
    except ValueError:
        return False


def _name_clashes(lab: Lab, seen: Seen) -> Iterator[str]:
    for host in lab.hosts:
        if container_name(lab.name, host.name) in seen.foreign_names:
            yield f"a container named {container_name(lab.name, host.name)} exists and is not ours"


def _address_clashes(lab: Lab, seen: Seen) -> Iterator[str]:
    for network in _own_networks(lab.name, seen):
        for host in lab.hosts:
            user = network.users.get(host.address)
            if user and user not in {container_name(lab.name, other.name) for other in lab.hosts}:
                yield f"{host.name}: address {host.address} is in use by the container {user}"


def _own_networks(lab: str, seen: Seen) -> list[SeenNetwork]:
    return [network for network in seen.networks if network.lab == lab]


def _unfit(lab: Lab, wanted: Mapping[str, Mapping[str, str]], seen: Seen) -> Iterator[tuple[str, str]]:
    moved = any(network.subnets != (lab.subnet,) for network in _own_networks(lab.name, seen))
    for host in _of(lab, seen):
        differing = [_difference(key, host.features.get(key, ""), value) for key, value in wanted[host.node].items()]
        found = [text for text in differing if text] + ["the lab's subnet changed"] * moved
        if found:
            yield host.node, "no longer fits: " + "; ".join(found)


def _difference(key: str, found: str, wanted: str) -> str:
    return "" if found == wanted else f"{key} is {found or 'absent'}, wanted {wanted or 'absent'}"


def _removals(lab: Lab, replaced: Mapping[str, str], seen: Seen) -> Iterator[Step]:
    networks = [network for network in _own_networks(lab.name, seen) if network.subnets != (lab.subnet,)]
    for host in seen.hosts:
        if host.node in replaced:
            yield Step(Act.REMOVE_HOST, host.node, replaced[host.node])
        elif networks:
            yield Step(Act.REMOVE_HOST, host.node, "the lab's subnet changed, and it is no longer in consortium.yml")
    for network in networks:
        yield Step(Act.REMOVE_NETWORK, network.name, f"its subnet is not {lab.subnet}")


def _additions(lab: Lab, images: Mapping[str, str], replaced: Mapping[str, str], seen: Seen) -> Iterator[Step]:
    kept = {host.node: host for host in _of(lab, seen) if host.node not in replaced}
    new = [host.name for host in lab.hosts if host.name not in kept]
    missing = {images[host.release] for host in lab.hosts if host.name in new} - set(seen.images)
    yield from _stale_files(lab, new, seen)
    if not seen.public_key:
        yield Step(Act.MAKE_KEY, str(lab.folder / LAB_FOLDER), "each lab has a key pair of its own")
    for tag in sorted(missing):
        yield Step(Act.BUILD_IMAGE, tag, "hosts are made from it")
    if seen.cache_lacks:
        yield Step(Act.START_CACHE, "", "hosts fetch each package once")
    if not any(network.subnets == (lab.subnet,) for network in _own_networks(lab.name, seen)):
        yield Step(Act.CREATE_NETWORK, network_name(lab.name), f"subnet {lab.subnet}")
    for name in new:
        yield Step(Act.CREATE_HOST, name, "declared in consortium.yml")
    for name in (name for name, host in kept.items() if not host.running):
        yield Step(Act.START_HOST, name, f"was found {kept[name].state}")
    yield from _access(lab, new, kept, seen)


def _stale_files(lab: Lab, new: Collection[str], seen: Seen) -> Iterator[Step]:
    for name in new:
        for file in published_files(name):
            if file in seen.texts:
                yield Step(Act.REMOVE_FILE, file, f"{name} is made anew and will have another identity")
    for file in (GENESIS_FILE, REVISIONS_FOLDER):
        if len(new) == len(lab.hosts) and file in seen.texts:
            yield Step(Act.REMOVE_FILE, file, "all hosts are made anew: a new ledger begins")


def _access(lab: Lab, new: Sequence[str], kept: Mapping[str, SeenHost], seen: Seen) -> Iterator[Step]:
    probes = {name: host.probe for name, host in kept.items() if host.running and host.probe}
    for name, probe in probes.items():
        if not seen.public_key or probe.authorized != seen.public_key:
            yield Step(Act.AUTHORISE, name, "the lab's key pair is not the one this host was made with")
    keys = {name: probe.host_key for name, probe in probes.items()}
    current = {SSH_CONFIG_FILE: texts.ssh_config(lab), KNOWN_HOSTS_FILE: texts.known_hosts(lab, keys)}
    if new or len(probes) != len(lab.hosts) or any(seen.texts.get(name) != text for name, text in current.items()):
        yield Step(Act.WRITE_ACCESS, SSH_CONFIG_FILE, "names, addresses and host keys of the lab")


def plan_down(lab: str, folder: str, declared: Iterable[str], seen: Seen, purge: bool) -> list[Step]:
    """Return the steps that remove a lab and nothing else. `declared` are the hosts its consortium file mentions.

    Raise Refused when a lab of this name belongs to another folder.
    """
    _refuse_other_folder(lab, folder, seen)
    why = f"lab {lab} goes down"
    nodes = sorted({*declared, *(host.node for host in seen.hosts)})
    own = (SSH_CONFIG_FILE, LAB_FOLDER, GENESIS_FILE, REVISIONS_FOLDER)
    files = [*own, *(file for node in nodes for file in published_files(node))]
    return [
        *(Step(Act.REMOVE_HOST, host.node, why) for host in seen.hosts),
        *(Step(Act.REMOVE_NETWORK, network.name, why) for network in _own_networks(lab, seen)),
        *(Step(Act.STOP_CACHE, "", PURGED if purge else "no lab is left; what it holds stays") for _ in range(seen.cache_idle)),
        *(Step(Act.REMOVE_FILE, name, "describes hosts that are gone") for name in files if name in seen.texts),
        *(Step(Act.REMOVE_IMAGE, tag, PURGED) for tag, labs in sorted(seen.images.items()) if purge and set(labs) <= {lab}),
    ]


def plan_power(nodes: Sequence[str], seen: Seen, folder: str, lab: str, act: Act) -> list[Step]:
    """Return the steps that start or stop single hosts. Raise InputError for a host the lab does not have."""
    _refuse_other_folder(lab, folder, seen)
    known = {host.node: host for host in seen.hosts}
    unknown = [name for name in nodes if name not in known]
    if unknown:
        raise InputError(
            f"no such host: {', '.join(unknown)}",
            where=f"lab {lab}",
            allowed=", ".join(sorted(known)) or "none, the lab is down",
            hint="nodeops lab list",
        )
    raw = [name for name in nodes if known[name].state == "created"]
    if raw:
        raise HostError(f"was never finished: {', '.join(raw)}", where=f"lab {lab}", hint="nodeops lab up")
    stopping = act is Act.STOP_HOST
    return [Step(act, name, "asked for") for name in dict.fromkeys(nodes) if known[name].running is stopping]


def settings_digest(settings: Mapping[str, object]) -> str:
    """Return the name of a way to run containers: the start of the digest of its settings."""
    return digest(settings)[:12]
