"""Save a lab, forget a save: see, decide, do, and say what came of it."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import docker

from nodeops.core.result import Result
from nodeops.lab import act, boot, containers
from nodeops.lab.engine.engine import HOME, Say, connect
from nodeops.lab.engine.images import image_tags
from nodeops.lab.observe import observe
from nodeops.lab.parallel import each
from nodeops.lab.saved import images
from nodeops.lab.saved.made_of import made_of
from nodeops.lab.saved.plan import plan_forget, plan_save
from nodeops.lab.saved.state import Card, Save, saves_of
from nodeops.lab.spec import Lab
from nodeops.lab.state import GENESIS_FILE, Act, Seen, SeenHost, Step, identity_file

# Committing takes seconds; on a busy machine with large hosts, minutes.
_COMMIT_SECONDS = 900
_MIB = 1 << 20


def save(lab: Lab, name: str, dry_run: bool, say: Say) -> Result:
    """Keep the hosts of a lab under a name and let the lab go on. Raise HostError, Refused, Timeout."""
    client = connect(HOME, _COMMIT_SECONDS)
    seen, tags = observe(client, lab.name, lab.folder, ask_hosts=True), image_tags()
    users = users_of(containers.all_hosts(client)[0])
    steps = plan_save(lab, tags, containers.SETTINGS_DIGEST, seen, name, saves_of(images.found(client)), users)
    changes = [step.change for step in steps]
    if dry_run:
        return Result({"save": name, "lab": lab.name, "dry_run": True}, changes=changes)
    site = act.Site(client, HOME, lab.folder, seen, say)
    act.bring_up(site, lab, tags, steps)
    _keep(site, steps, _cards(lab, name, tags, seen))
    _forget(client, steps)
    kept = next(save for save in saves_of(images.found(client)) if save.name == name)
    lines = [
        f"lab {lab.name} is kept as {name}: {len(kept.hosts)} hosts, {room(kept)}; bring it back with: nodeops lab load {name}"
    ]
    data = {"save": name, "lab": lab.name, "dry_run": False, "bytes": kept.bytes, "hosts": sorted(kept.hosts)}
    return Result(data, lines=lines, changes=changes)


def users_of(hosts: Iterable[SeenHost]) -> dict[str, str]:
    """Return key of a save -> lab that has hosts made from it."""
    return {host.loaded: host.lab for host in hosts if host.loaded}


def room(save: Save) -> str:
    """Return how much room a save takes, for a person."""
    return f"{max(1, save.bytes // _MIB)} MiB"


def _cards(lab: Lab, name: str, tags: Mapping[str, str], seen: Seen) -> dict[str, Card]:
    made, identifier, nodes = made_of(lab, tags, containers.SETTINGS_DIGEST), secrets.token_hex(4), [h.name for h in lab.hosts]
    features = {host.node: host.features for host in seen.hosts}
    cards = {}
    for node in nodes:
        files = {name: seen.texts[name] for name in (identity_file(node), GENESIS_FILE) if name in seen.texts}
        cards[node] = Card(name, identifier, lab.name, node, nodes, made, features[node], files)
    return cards


def _keep(site: act.Site, steps: Sequence[Step], cards: Mapping[str, Card]) -> None:
    """Shut the hosts down, make their images, and start them again, whatever came of it."""
    running = {host.node: replace(host, state="running") for host in site.seen.hosts}
    try:
        site.say(f"shutting down {len(cards)} hosts")
        each(lambda node: _shut_down(site.client, running[node]), act.subjects(steps, Act.STOP_HOST))
        done: list[str] = []

        def commit(node: str) -> None:
            images.make(site.client, running[node], cards[node])
            done.append(node)
            site.say(f"hosts saved: {len(done)} of {len(cards)}")

        each(commit, act.subjects(steps, Act.SAVE_HOST))
    finally:
        site.say("starting them again")
        each(lambda node: boot.start(site.client, running[node], ""), act.subjects(steps, Act.RESUME_HOST))


def _shut_down(client: docker.DockerClient, host: SeenHost) -> None:
    images.ask_to_pack(client, host)
    containers.stop(client, host, kill=False)
    images.check_packed(client, host)


def forget(name: str, dry_run: bool) -> Result:
    """Remove all that is kept under a name. Raise InputError when there is nothing, Refused while a lab stands on it."""
    client = connect(HOME, _COMMIT_SECONDS)
    saves = saves_of(images.found(client))
    steps = plan_forget(name, saves, users_of(containers.all_hosts(client)[0]))
    if not dry_run:
        _forget(client, steps)
    return Result({"save": name, "dry_run": dry_run}, changes=[step.change for step in steps])


def _forget(client: docker.DockerClient, steps: Sequence[Step]) -> None:
    for tag in act.subjects(steps, Act.FORGET_HOST):
        images.remove(client, tag)
