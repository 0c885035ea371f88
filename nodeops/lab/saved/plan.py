"""Decide what saving, loading and forgetting a lab needs. Pure: the plan shown is the plan run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.lab.plan import plan_hosts, plan_up
from nodeops.lab.saved.state import MadeOf, Save, current
from nodeops.lab.spec import Lab
from nodeops.lab.state import Act, Seen, Step

_MAKING = (Act.CREATE_HOST, Act.REMOVE_HOST, Act.REMOVE_NETWORK)


def plan_save(
    lab: Lab, images: Mapping[str, str], settings: str, seen: Seen, name: str, saves: Sequence[Save], users: Collection[str]
) -> list[Step]:
    """Return the steps that keep a lab under a name, in order. Hosts that are stopped are started first: they pack their disks.

    `users`: keys of the saves that hosts of any lab were made from. Raise HostError when the lab is not up, Refused as `up`.
    """
    up = plan_up(lab, images, settings, seen, recreate=False)
    missing = sorted({step.subject for step in up if step.act in _MAKING})
    if missing:
        raise HostError(f"is not up: {', '.join(missing)}", where=f"lab {lab.name}", hint="nodeops lab up")
    nodes = [host.name for host in lab.hosts]
    return [
        *up,
        *(Step(Act.STOP_HOST, node, "a disk in use cannot be saved") for node in nodes),
        *(Step(Act.SAVE_HOST, node, f"kept as {name}") for node in nodes),
        *(Step(Act.RESUME_HOST, node, "the lab goes on") for node in nodes),
        *_forgotten([save for save in saves if save.name == name and save.key not in users], "the new save takes its place"),
    ]


def _forgotten(saves: Sequence[Save], why: str) -> list[Step]:
    return [Step(Act.FORGET_HOST, host.tag, why) for save in saves for host in save.hosts.values()]


def plan_forget(name: str, saves: Sequence[Save], users: Mapping[str, str]) -> list[Step]:
    """Return the steps that remove all saves of a name. `users`: key of a save -> lab whose hosts were made from it.

    Raise InputError when there is none, Refused while a lab stands on it.
    """
    named = [save for save in saves if save.name == name]
    if not named:
        raise _unknown(name, saves)
    standing = sorted({users[save.key] for save in named if save.key in users})
    if standing:
        raise Refused(f"lab {', '.join(standing)} was loaded from it", where=f"save {name}", hint="nodeops lab down first")
    return _forgotten(named, "asked for")


def _unknown(name: str, saves: Sequence[Save]) -> InputError:
    known = ", ".join(sorted({save.name for save in saves})) or "none, nothing is saved"
    return InputError(f"no such save: {name}", where="lab", allowed=known, hint="nodeops lab saved")


def pick(name: str, saves: Sequence[Save]) -> Save:
    """Return the save that a name stands for. Raise InputError when there is none, Refused when it was never finished."""
    save = current(name, saves)
    if save is None:
        raise _unknown(name, saves)
    if not save.complete:
        lacking = ", ".join(sorted(set(save.expected) - set(save.hosts)))
        raise Refused(
            f"was never finished: {lacking} is missing", where=f"save {name}", hint=f"nodeops lab save {name}, or forget it"
        )
    return save


def plan_load(lab: Lab, save: Save, made_of: MadeOf, settings: str, seen: Seen, unlike: bool) -> list[Step]:
    """Return the steps that make a lab's hosts from a save, in order; none when they are there already.

    `made_of` is what would make the lab now; `unlike` takes a save that does not fit. Raise Refused when the save does not fit
    or hosts are there that are not of it.
    """
    _refuse_unlike(lab, save, made_of, unlike)
    _refuse_present(lab, save, seen)
    images = {host.release: save.hosts[host.name].card.features["image"] for host in lab.hosts}
    cards = {name: saved.card for name, saved in save.hosts.items()}
    as_saved = replace(lab, hosts=tuple(replace(host, filesystems=_filesystems(cards[host.name].features)) for host in lab.hosts))
    up = plan_hosts(as_saved, images, settings, seen, recreate=False)
    made = Step(Act.LOAD_HOST, "", f"from {save.name}, saved of lab {save.first.lab}")
    steps = [
        replace(made, subject=step.subject) if step.act is Act.CREATE_HOST else step
        for step in up
        if step.act not in (Act.BUILD_IMAGE, Act.REMOVE_FILE)
    ]
    files = {name: text for card in cards.values() for name, text in card.files.items()}
    restored = [
        Step(Act.RESTORE_FILE, name, "as it was saved") for name, text in sorted(files.items()) if seen.texts.get(name) != text
    ]
    return [*restored, *steps]


def _filesystems(features: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    pairs = (text.partition("=") for text in features.get("filesystems", "").split(", ") if text)
    return tuple((path, int(size)) for path, _, size in pairs)


def _refuse_unlike(lab: Lab, save: Save, made_of: MadeOf, unlike: bool) -> None:
    wanted = {host.name for host in lab.hosts}
    if wanted != set(save.hosts):
        what = f"holds {', '.join(sorted(save.hosts))}; this lab is {', '.join(sorted(wanted))}"
        raise Refused(what, where=f"save {save.name}", hint="save a lab of these hosts")
    differing = made_of.differing(save.first.made_of)
    if differing and not unlike:
        raise Refused(
            f"does not fit: {', '.join(differing)} changed since",
            where=f"save {save.name}",
            hint="bring the lab up from nothing and save it again, or load it as it was with --any and run site.yml",
        )


def _refuse_present(lab: Lab, save: Save, seen: Seen) -> None:
    others = sorted(host.node for host in seen.hosts if host.loaded != save.key)
    if others:
        raise Refused(
            f"is there already: {', '.join(others)}", where=f"lab {lab.name}", hint="nodeops lab down first, or go on with it"
        )
