"""Load a saved lab: see, decide, do, and say what came of it."""

from collections.abc import Mapping

from nodeops.core.errors import HostError
from nodeops.core.result import Result
from nodeops.host.files import write_atomic
from nodeops.lab import act, boot, containers
from nodeops.lab.engine.engine import HOME, Say, connect
from nodeops.lab.engine.images import image_tags
from nodeops.lab.observe import observe
from nodeops.lab.parallel import each
from nodeops.lab.saved import images
from nodeops.lab.saved.made_of import made_of
from nodeops.lab.saved.plan import pick, plan_load
from nodeops.lab.saved.state import MadeOf, Save, saves_of
from nodeops.lab.spec import Lab
from nodeops.lab.state import IDENTITIES_FOLDER, Act
from nodeops.lab.up import up_result


def load(lab: Lab, name: str, unlike: bool, dry_run: bool, say: Say) -> Result:
    """Make the hosts of a lab from a save and return them. Raise HostError, InputError, Refused, Timeout."""
    client = connect(HOME)
    seen, tags = observe(client, lab.name, lab.folder, ask_hosts=True), image_tags()
    save, now = pick(name, saves_of(images.found(client))), made_of(lab, tags, containers.SETTINGS_DIGEST)
    steps = plan_load(lab, save, now, containers.SETTINGS_DIGEST, seen, unlike)
    if dry_run:
        return Result({"save": name, "lab": lab.name, "dry_run": True}, changes=[step.change for step in steps])
    _restore(lab, save, act.subjects(steps, Act.RESTORE_FILE))
    origins = {
        node: act.Origin(host.tag, host.card.features, images.labels(host.card, save.key)) for node, host in save.hosts.items()
    }
    site = act.Site(client, HOME, lab.folder, seen, say)
    probes = act.bring_up(site, lab, tags, steps, origins)
    each(lambda host: boot.check_ready(lab.name, host.name, host.address, probes[host.name]), lab.hosts)
    result = up_result(lab, steps, probes, site)
    return Result(
        {**result.data, "save": name}, result.tables, [*result.lines, *_choices(save, now)], result.findings, result.changes
    )


def _restore(lab: Lab, save: Save, names: list[str]) -> None:
    texts: Mapping[str, str] = {name: text for host in save.hosts.values() for name, text in host.card.files.items()}
    try:
        (lab.folder / IDENTITIES_FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise HostError(f"cannot be made: {error.strerror}", where=str(lab.folder / IDENTITIES_FOLDER)) from error
    for name in names:
        write_atomic(lab.folder / name, texts[name].encode(), 0o644)


def _choices(save: Save, now: MadeOf) -> list[str]:
    same = save.first.made_of.choices == now.choices
    return [] if same else ["group_vars and host_vars are not those it was saved with: site.yml brings them to the hosts"]
