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
from nodeops.lifecycle import recompute
from nodeops.lifecycle.restart import Report, restart
from nodeops.lifecycle.upgrade.observe import carried, installed_version, running_version
from nodeops.lifecycle.upgrade.policy import Going, Known, going_back, way_back
from nodeops.quorum.leave import Asked


def plan(document: NodeDocument, only_from: str = "") -> Going:
    """Return whether this node may go back, and why. With `only_from`, a node on another version has nothing to go back from."""
    known = _known(document)
    if known is None:
        return Going("refused", "no version is installed here", "run site.yml, which installs nodes")
    way = way_back(known, only_from)
    if way is None:
        return Going("none", f"{known.installed} is installed, not {only_from}")
    start, goal = way
    profile = load_profile(document.ledger.platform)
    at_once = going_back(profile, start, goal, None)
    return going_back(profile, start, goal, carried(document, start)) if at_once.way == "turn" else at_once


def _known(document: NodeDocument) -> Known | None:
    last, former, now = worked.read(document), worked.former(document), installed_version(document)
    if now is None:
        return None
    return Known(now, running_version(document), last.version if last else None, former.version if former else None)


def target(document: NodeDocument, only_from: str = "") -> Worked | None:
    """Return what this node goes back to: what it took part with last, unless it comes from that; else the version before."""
    known = _known(document)
    way = way_back(known, only_from) if known else None
    kept = (worked.read(document), worked.former(document))
    return next((one for one in kept if one and way and one.version == way[1]), None)


def changes(document: NodeDocument, found: Going, only_from: str = "") -> list[Change]:
    """Return what going back would do."""
    back = target(document, only_from)
    if found.way != "turn" or back is None:
        return []
    now = str(installed_version(document))
    files = Change(f"put back {Path(document.ledger.paths['current']).parent}", found.why, now, str(back))
    again = Change(f"restart {document.ledger.unit}", "it goes back to what it took part with before", now, back.version)
    return [files, *([recompute.planned(document)] if recompute.needed(document) else []), again]


def go_back(asked: Asked, found: Going, only_from: str, timeout_seconds: float, report: Report) -> list[Change]:
    """Go back once the others can do without this node, and return what was done. Raise Refused where it may not go back, and
    as `restart`: when the former version does not take part either, the node is put back to the one that it had. What the newer
    one computed and the chain did not is taken back."""
    document = asked.node
    if found.way == "refused":
        raise Refused(f"may not go back: {found.why}", where=f"the ledger of {document.node.name}", hint=found.hint)
    doing, back = changes(document, found, only_from), target(document, only_from)
    if doing and back:
        wrong = any(one.what.startswith("recompute ") for one in doing)
        worked.put_back(document, back)
        restart(asked, plan_restart(observe(document), only_if_stale=False), timeout_seconds, report, wrong)
    return doing
