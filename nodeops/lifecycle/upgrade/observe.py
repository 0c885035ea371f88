"""What a node runs, what its next start would take, and what its chain decided about versions."""

import json
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.cosmos import upgrades
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.live import is_reachable
from nodeops.ledger.node.local import running_release
from nodeops.lifecycle.upgrade.policy import Planned, Standing

# x/upgrade/types/storeloader.go of cosmos-sdk at tag v0.53.8: written below the data when the node stops for a plan.
_REACHED = "upgrade-info.json"


def standing(document: NodeDocument) -> Standing:
    """Return what this host and its chain say. A ledger that does not answer is a standing, too."""
    installed, runs = installed_version(document), running_version(document)
    if runs is None:
        return Standing(installed, None, reached=_reached(document))
    try:
        driver = driver_for(document)
        return Standing(installed, runs, driver.status().height, _planned(document), _reached(document))
    except NodeopsError:
        return Standing(installed, None, reached=_reached(document))


def installed_version(document: NodeDocument) -> str | None:
    """Return the version that the ledger's next start takes."""
    try:
        return Path(document.ledger.paths["current"]).readlink().name
    except OSError:
        return None


def running_version(document: NodeDocument) -> str | None:
    """Return the version of the process that listens, None where none does."""
    if not is_reachable(document):
        return None
    return running_release(document.ledger.paths["binaries"], Path(document.ledger.paths["binary"]).name)


def carried(document: NodeDocument, version: str) -> Planned | None:
    """Return the plan by which the chain went over to a version, None when there was none or the platform has no votes.

    Where the ledger does not answer, its data tell: a node that goes over stops at the height first, and writes that down.
    """
    if not _votes(document):
        return None
    found = _reached(document)
    stood = found if found and found.name == version else None
    try:
        height = upgrades.carried_out(driver_for(document), version)
    except NodeopsError:
        return stood
    return Planned(version, height) if height else stood


def _votes(document: NodeDocument) -> bool:
    return load_profile(document.ledger.platform).upgrades.otherwise == "vote"


def _planned(document: NodeDocument) -> Planned | None:
    plan = upgrades.planned(driver_for(document)) if _votes(document) else None
    return Planned(plan.name, plan.height) if plan else None


def _reached(document: NodeDocument) -> Planned | None:
    try:
        found = json.loads((Path(document.ledger.paths["data"]) / _REACHED).read_bytes())
        return Planned(str(found["name"]), int(found["height"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
