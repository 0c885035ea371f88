"""Take back what a program computed that is not the state of the chain: the block is computed anew by what is installed now.

Every block holds the hash of the state before it, so a node whose state is another one stops at the next block: one block at
most is wrong. Its keys and its signing state are left alone, so it never signs a height twice.
"""

from collections.abc import Callable
from pathlib import Path

from nodeops.core.errors import InputError, NodeopsError, Refused
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.document.profile import Recompute, load_profile
from nodeops.host.command import run
from nodeops.host.units import systemd, undo_timer
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.rejoin import Part, part_taken

# A large state takes a while to open.
_SECONDS = 900.0
_BACK = "nodeops-recompute-start"
_READ_AT_ONCE = 1 << 20
_SANDBOX = (
    "CapabilityBoundingSet=", "LimitCORE=0", "NoNewPrivileges=yes", "PrivateDevices=yes", "PrivateNetwork=yes", "PrivateTmp=yes",
    "ProtectHome=yes", "ProtectSystem=strict", "RestrictAddressFamilies=AF_UNIX", "UMask=0077",
)  # fmt: skip


def log_size(document: NodeDocument) -> int:
    """Return the size of the ledger's log in bytes; 0 without one."""
    try:
        return Path(document.ledger.paths["log"]).stat().st_size
    except OSError:
        return 0


def disputed(document: NodeDocument, since: int | None = None) -> bool:
    """Tell whether the ledger logged that its state is not the chain's: since the log had a size, or lately.

    Other nodes can bring a node to log it. So this is only a reason to compute a block anew, which does no harm.
    """
    rule, size = load_profile(document.ledger.platform).recompute, log_size(document)
    if rule is None:
        return False
    start = size - _READ_AT_ONCE if since is None else since if since <= size else 0
    try:
        with Path(document.ledger.paths["log"]).open("rb") as log:
            log.seek(max(start, size - _READ_AT_ONCE, 0))
            return rule.disputed.encode() in log.read(_READ_AT_ONCE)
    except OSError:
        return False


def stuck(document: NodeDocument) -> bool:
    """Tell whether this node takes no part in its chain, and logged that its state is not the chain's."""
    return disputed(document) and part_taken(document) is None


def require_useful(document: NodeDocument) -> None:
    """Raise InputError for a platform that cannot, Refused for a node that takes part: its state is the chain's."""
    _rule(document)
    if part_taken(document) is not None:
        text = "takes part in its chain: its state is the chain's"
        raise Refused(text, where=f"the ledger of {document.node.name}", hint="nodeops ledger status")


def planned(document: NodeDocument) -> Change:
    """Return what taking back means, for a plan."""
    return Change(f"recompute {document.ledger.unit}", _rule(document).why, "the state of its newest block", "computed anew")


def expected_part(document: NodeDocument) -> Part | None:
    """Return what a node that stands is to do again: go above its height, and vote if it has power. None without an answer."""
    try:
        status = driver_for(document).status()
    except NodeopsError:
        return None
    return Part(status.height, status.voting_power > 0)


def take_back(document: NodeDocument, report: Callable[[str], None]) -> None:
    """Stop the ledger and take the state of its newest block back; it stays stopped, and a timer starts it if this is killed.

    Raise HostError when the program cannot: the ledger was started again then.
    """
    unit = document.ledger.unit
    undo_timer.clear(_BACK)
    undo_timer.arm(_BACK, ["systemctl", "start", unit], _SECONDS + 60, "1s")
    report("taking back the state of the newest block")
    systemd.systemctl("stop", unit)
    try:
        run(_words(document), timeout_seconds=_SECONDS)
    except NodeopsError:
        systemd.systemctl("start", unit)
        raise
    finally:
        undo_timer.disarm(_BACK)


def _words(document: NodeDocument) -> list[str]:
    """Return the program's own verb, as the ledger's user, who may write its data and nothing else."""
    paths, user = document.ledger.paths, document.ledger.user
    limits = [*_SANDBOX, f"User={user}", f"Group={user}", f"ReadWritePaths={paths['data']}"]
    unit = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", *(f"--property={one}" for one in limits)]
    return [*unit, paths["binary"], *_rule(document).words, "--home", paths["home"]]


def _rule(document: NodeDocument) -> Recompute:
    rule = load_profile(document.ledger.platform).recompute
    if rule is None:
        text = f"{document.ledger.platform} cannot take the state of a block back"
        raise InputError(text, where="--recompute", allowed="a platform whose profile has [recompute]")
    return rule
