"""Back to the version that a node took part with before, through the quorum gate; and forward again when that does not work."""

from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.units.service import plan_restart
from nodeops.ledger.node import worked
from nodeops.ledger.node.service import observe
from nodeops.ledger.node.worked import Worked
from nodeops.lifecycle.restart import Report, restart
from nodeops.lifecycle.upgrade.observe import carried, installed_version, running_version
from nodeops.lifecycle.upgrade.policy import Going, going_back
from nodeops.quorum.leave import Asked


def plan(document: NodeDocument, only_from: str = "") -> Going:
    """Return whether this node may go back, and why. With `only_from`, a node on another version has nothing to go back from."""
    now = installed_version(document)
    if now is None:
        return Going("refused", "no version is installed here", "run site.yml, which installs nodes")
    begun = _begun(document, now, only_from)
    if only_from and now != only_from and not begun:
        return Going("none", f"{now} is installed, not {only_from}")
    before, back = only_from if begun else now, target(document, only_from)
    profile, name = load_profile(document.ledger.platform), back.version if back else None
    at_once = going_back(profile, before, name, None)
    return going_back(profile, before, name, carried(document, before)) if at_once.way == "turn" else at_once


def _begun(document: NodeDocument, now: str, only_from: str) -> bool:
    """Tell whether a run that goes back was killed between files and restart: the process is that of `only_from` still."""
    return bool(only_from) and now != only_from and running_version(document) == only_from


def target(document: NodeDocument, only_from: str = "") -> Worked | None:
    """Return what this node goes back to: what it took part with last, unless it comes from that; else the version before.

    A version that was installed and never took part is nothing that was kept, so the last that was is the one to go back to.
    """
    now, former = installed_version(document), worked.former(document)
    kept = [one for one in (worked.read(document), former) if one]
    if now is not None and _begun(document, now, only_from):
        return next((one for one in kept if one.version == now), None)
    return next((one for one in kept if one.version != now), former)


def changes(document: NodeDocument, found: Going, only_from: str = "") -> list[Change]:
    """Return what going back would do."""
    back = target(document, only_from)
    if found.way != "turn" or back is None:
        return []
    now = str(installed_version(document))
    return [
        Change(f"put back {Path(document.ledger.paths['current']).parent}", found.why, now, str(back)),
        Change(f"restart {document.ledger.unit}", "it goes back to what it took part with before", now, back.version),
    ]


def go_back(asked: Asked, found: Going, only_from: str, timeout_seconds: float, report: Report) -> list[Change]:
    """Go back once the others can do without this node, and return what was done. Raise Refused where it may not go back, and
    as `restart`: when the former version does not take part either, the node is put back to the one that it had."""
    document = asked.node
    if found.way == "refused":
        raise Refused(f"may not go back: {found.why}", where=f"the ledger of {document.node.name}", hint=found.hint)
    doing, back = changes(document, found, only_from), target(document, only_from)
    if doing and back:
        worked.put_back(document, back)
        restart(asked, plan_restart(observe(document), only_if_stale=False), timeout_seconds, report)
    return doing
