"""Do the steps of a plan, in the plan's order, hosts in parallel; and see that started hosts are well."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

import docker

from nodeops.core.errors import HostError
from nodeops.host.files import write_atomic
from nodeops.lab import boot, containers, keys, texts
from nodeops.lab.engine import images
from nodeops.lab.engine.engine import EngineHome, Say
from nodeops.lab.inotify import make_room
from nodeops.lab.packages import cache
from nodeops.lab.parallel import each
from nodeops.lab.plan import PURGED, features
from nodeops.lab.spec import HostSpec, Lab
from nodeops.lab.state import IDENTITIES_FOLDER, KNOWN_HOSTS_FILE, SSH_CONFIG_FILE, Act, Probe, Seen, SeenHost, Step


@dataclass(frozen=True)
class Site:
    """Where steps are done: the engine, the inventory folder, what was seen there, and how to speak of progress."""

    client: docker.DockerClient
    home: EngineHome
    folder: Path
    seen: Seen
    say: Say
    # What the lab came up without.
    lacking: list[str] = field(default_factory=list)

    @cached_property
    def cache(self) -> str:
        """Return where hosts find the package cache; empty where it cannot be."""
        return cache.address(self.client)

    def hosts(self, steps: Sequence[Step], act: Act) -> list[SeenHost]:
        """Return the seen hosts that steps of one kind are about."""
        names = subjects(steps, act)
        return [host for host in self.seen.hosts if host.node in names]


@dataclass(frozen=True)
class Origin:
    """What a saved host is made from again: its image, what it was made with, and labels that say so."""

    image: str
    features: Mapping[str, str]
    labels: Mapping[str, str]


def subjects(steps: Sequence[Step], act: Act) -> list[str]:
    """Return what the steps of one kind are about, in the plan's order."""
    return [step.subject for step in steps if step.act is act]


def remove(site: Site, steps: Sequence[Step]) -> None:
    """Do the steps that remove something."""
    _counted(site, "removing hosts", partial(containers.remove, site.client), site.hosts(steps, Act.REMOVE_HOST))
    names = subjects(steps, Act.REMOVE_NETWORK)
    for network in (network for network in site.seen.networks if network.lab and network.name in names):
        containers.remove_network(site.client, network.id)
    for name in subjects(steps, Act.REMOVE_FILE):
        _remove_file(site.folder, name)
    for step in (step for step in steps if step.act is Act.STOP_CACHE):
        cache.remove(site.client, with_packages=step.why == PURGED)
    for tag in subjects(steps, Act.REMOVE_IMAGE):
        images.remove_image(site.client, tag)


def _counted(site: Site, doing: str, work: Callable[[SeenHost], None], hosts: Sequence[SeenHost]) -> None:
    if hosts:
        site.say(f"{doing}: {', '.join(host.node for host in hosts)}")
        each(work, hosts)


def _remove_file(folder: Path, name: str) -> None:
    path = folder / name
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if path.parent.name == IDENTITIES_FOLDER and not any(path.parent.iterdir()):
            path.parent.rmdir()
    except OSError as error:
        raise HostError(f"cannot be removed: {error.strerror}", where=str(path)) from error


def bring_up(
    site: Site, lab: Lab, tags: Mapping[str, str], steps: Sequence[Step], origins: Mapping[str, Origin] = MappingProxyType({})
) -> dict[str, Probe]:
    """Do the steps of an `up` or a `load` and return what each host says once it has booted. `origins`: host -> saved host.

    Raise HostError for a host that is not well.
    """
    remove(site, steps)
    public_key = keys.make_key(lab.folder, lab.name) if subjects(steps, Act.MAKE_KEY) else site.seen.public_key
    wanted = subjects(steps, Act.BUILD_IMAGE)
    missing = [release for release in lab.releases if tags[release] in wanted]
    each(lambda release: images.ensure_image(release, site.say, site.home), missing)
    if subjects(steps, Act.START_CACHE) and (wrong := cache.ensure(site.client, site.cache, site.say, site.home)):
        site.lacking.append(wrong)
    if subjects(steps, Act.CREATE_NETWORK):
        containers.create_network(site.client, lab)
    for host in site.hosts(steps, Act.AUTHORISE):
        containers.authorise(site.client, host.id, public_key)
    booted = _boot(site, lab, tags, steps, public_key, origins)
    probes = {host.node: host.probe for host in site.seen.hosts if host.probe} | booted
    _write_access(lab, probes)
    keys.write_accounts(lab.folder, lab.accounts)
    return {host.name: probes[host.name] for host in lab.hosts}


def _boot(
    site: Site, lab: Lab, tags: Mapping[str, str], steps: Sequence[Step], public_key: str, origins: Mapping[str, Origin]
) -> dict[str, Probe]:
    new, loaded = subjects(steps, Act.CREATE_HOST), subjects(steps, Act.LOAD_HOST)
    old = {host.node: host for host in site.hosts(steps, Act.START_HOST)}
    ready: list[str] = []

    def one(spec: HostSpec) -> Probe:
        made = features(spec, tags[spec.release], containers.SETTINGS_DIGEST)
        host = old.get(spec.name) or _created(site, lab, spec, made, origins.get(spec.name))
        if host.state == "created" and not host.loaded:
            containers.furnish(site.client, lab.name, spec, host.id, site.cache)
        said = boot.start(site.client, host, public_key, must_be_well=spec.name in new)
        ready.append(spec.name)
        site.say(f"hosts ready: {len(ready)} of {len(specs)}")
        return said

    specs = [host for host in lab.hosts if host.name in {*new, *loaded, *old}]
    if specs:
        make_room(len(specs) + len(site.seen.foreign_names), site.say)
        site.say(f"starting {len(specs)} hosts")
    return {spec.name: said for spec, said in zip(specs, each(one, specs), strict=True)}


def _created(site: Site, lab: Lab, spec: HostSpec, made: Mapping[str, str], origin: Origin | None) -> SeenHost:
    """Make the container of a host, from the lab's image or from a saved one, which keeps the filesystems it has."""
    if origin is None:
        identifier = containers.create_host(site.client, lab, spec, made)
        return SeenHost(identifier, "", lab.name, spec.name, "created", made, str(lab.folder))
    made = {**origin.features, "address": made["address"], "settings": made["settings"]}
    identifier = containers.create_host(site.client, lab, spec, made, origin.image, origin.labels)
    return SeenHost(identifier, "", lab.name, spec.name, "created", made, str(lab.folder), loaded=origin.image)


def _write_access(lab: Lab, probes: Mapping[str, Probe]) -> None:
    keyless = [host.name for host in lab.hosts if not probes[host.name].host_key]
    if keyless:
        raise HostError("has no SSH host key", where=f"host {', '.join(keyless)}", hint="make it anew with --recreate")
    known = texts.known_hosts(lab, {name: probe.host_key for name, probe in probes.items()})
    for name, text in ((KNOWN_HOSTS_FILE, known), (SSH_CONFIG_FILE, texts.ssh_config(lab))):
        path = lab.folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_atomic(path, text.encode(), 0o644)
