"""Back to the version that a node took part with before, through the quorum gate; and forward again when that does not work."""

from pathlib import Path

from nodeops.core.errors import Refused
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.units.service import plan_restart
from nodeops.ledger.node import worked
from nodeops.ledger.node.service import observe
from nodeops.lifecycle.restart import Report, restart
from nodeops.lifecycle.upgrade.observe import carried, installed_version
from nodeops.lifecycle.upgrade.policy import Going, going_back
from nodeops.quorum.leave import Asked


def plan(document: NodeDocument, only_from: str = "") -> Going:
    """Return whether this node may go back, and why. With `only_from`, a node on another version has nothing to go back from."""
    now = installed_version(document)
    if now is None:
        return Going("refused", "no version is installed here", "run site.yml, which installs nodes")
    if only_from and now != only_from:
        return Going("none", f"{now} is installed, not {only_from}")
    former = worked.former(document)
    profile, name = load_profile(document.ledger.platform), former.version if former else None
    at_once = going_back(profile, now, name, None)
    return going_back(profile, now, name, carried(document, now)) if at_once.way == "turn" else at_once


def changes(document: NodeDocument, found: Going) -> list[Change]:
    """Return what going back would do."""
    former = worked.former(document)
    if found.way != "turn" or former is None:
        return []
    now = str(installed_version(document))
    return [
        Change(f"put back {Path(document.ledger.paths['current']).parent}", found.why, now, str(former)),
        Change(f"restart {document.ledger.unit}", "it goes back to what it took part with before", now, former.version),
    ]


def go_back(asked: Asked, found: Going, timeout_seconds: float, report: Report) -> list[Change]:
    """Go back once the others can do without this node, and return what was done. Raise Refused where it may not go back, and
    as `restart`: when the former version does not take part either, the node is put back to the one that it had."""
    document = asked.node
    if found.way == "refused":
        raise Refused(f"may not go back: {found.why}", where=f"the ledger of {document.node.name}", hint=found.hint)
    doing, former = changes(document, found), worked.former(document)
    if doing and former:
        worked.put_back(document, former)
        restart(asked, plan_restart(observe(document), only_if_stale=False), timeout_seconds, report)
    return doing
