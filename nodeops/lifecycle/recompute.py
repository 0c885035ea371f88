"""Take back what a program computed that is not the state of the chain: the block is computed anew by what is installed now.

Every block holds the hash of the state before it, so a node whose state is another one stops at the next block: one block at
most is wrong. Its keys and its signing state are left alone, so it never signs a height twice.

A unit of systemd computes, which outlives whoever asked for it. The ledger is held until that has ended well (`hold`).
"""

import time
from collections.abc import Callable

from nodeops.core.errors import HostError, InputError, NodeopsError, Refused, Timeout
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.document.profile import Recompute, load_profile
from nodeops.host.command import run
from nodeops.host.units import systemd, undo_timer
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.hold import held, held_by, hold
from nodeops.ledger.node.rejoin import Part, part_taken
from nodeops.lifecycle.dispute import outvoted

UNIT = "nodeops-recompute.service"
# A large state takes a while to open. What takes longer than we wait goes on; it is ended when it cannot be at work any more.
_SECONDS, _MOST_SECONDS = 900.0, 4 * 3600
_ACTION_SECONDS = 30.0
_BACK = "nodeops-recompute-start"
_AT_WORK, _LOOK_EVERY_SECONDS = ("activating", "deactivating"), 1.0
# Of one shot: what follows is done only when it left with 0. Its start is bounded, RuntimeMaxSec does not: systemd.service(5).
_ONCE = ("Type=oneshot", f"TimeoutStartSec={_MOST_SECONDS}")
# Those of the ledger's own unit, without any network.
SANDBOX = (
    "AmbientCapabilities=", "CapabilityBoundingSet=", "LimitCORE=0", "LimitNOFILE=65536", "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes", "PrivateDevices=yes", "PrivateIPC=yes", "PrivateNetwork=yes",
    "PrivateTmp=yes", "PrivateUsers=yes", "ProcSubset=pid", "ProtectClock=yes", "ProtectControlGroups=yes", "ProtectHome=yes",
    "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes",
    "ProtectProc=invisible", "ProtectSystem=strict", "RemoveIPC=yes", "RestrictAddressFamilies=AF_UNIX", "RestrictNamespaces=yes",
    "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "SystemCallArchitectures=native", "SystemCallErrorNumber=EPERM",
    "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "UMask=0077",
)  # fmt: skip


def needed(document: NodeDocument) -> bool:
    """Tell whether a state must be taken back: that was begun and has not ended well, or this node takes no part in its chain,
    and a quorum says that its state is another one."""
    return held(document) or (part_taken(document) is None and outvoted(document))


def require_useful(document: NodeDocument) -> None:
    """Raise InputError for a platform that cannot, Refused for a node that takes part: its state is the chain's."""
    _rule(document)
    if not held(document) and part_taken(document) is not None:
        text = "takes part in its chain: its state is the chain's"
        raise Refused(text, where=f"the ledger of {document.node.name}", hint="nodeops ledger status")


def planned(document: NodeDocument) -> Change:
    """Return what taking back means, for a plan."""
    return Change(f"recompute {document.ledger.unit}", _rule(document).why, "the state of its newest block", "computed anew")


def expected_part(document: NodeDocument) -> Part | None:
    """Return what a node that stands is to do again where its chain moves: go above its height, and vote if it has power. None
    without an answer, and where nobody else is there who could tell whether the chain moves."""
    try:
        driver = driver_for(document)
        status = driver.status()
        return Part(status.height, status.voting_power > 0, stood=True) if driver.peer_heights() else None
    except NodeopsError:
        return None


def take_back(document: NodeDocument, report: Callable[[str], None]) -> None:
    """Stop the ledger and take the state of its newest block back; it stays stopped, for the caller to start it.

    Killed, it leaves a timer that starts the ledger as soon as that has ended well, and not before. Who calls again goes on with
    it. Raise HostError where it has failed and Timeout where it still goes on: then the ledger stays stopped.
    """
    unit = document.ledger.unit
    report("taking back the state of the newest block")
    undo_timer.clear(_BACK)
    undo_timer.arm(_BACK, ["systemctl", "start", unit], _SECONDS + 60, "1s")
    hold(document)
    systemd.systemctl("stop", unit)
    try:
        _compute(document)
    except HostError:
        undo_timer.clear(_BACK)
        raise
    undo_timer.clear(_BACK)


def _compute(document: NodeDocument) -> None:
    """Wait for what another run began; where it has not ended well, and where nothing was begun, compute."""
    until = time.monotonic() + _SECONDS
    while systemd.unit(UNIT).state.startswith(_AT_WORK):
        if time.monotonic() >= until:
            raise _goes_on(document)
        time.sleep(_LOOK_EVERY_SECONDS)
    if not held(document):
        return
    run(["systemctl", "reset-failed", UNIT], timeout_seconds=_ACTION_SECONDS, allowed_codes=(0, 1, 5))
    try:
        run(_words(document), timeout_seconds=_SECONDS)
    except Timeout as error:
        raise _goes_on(document) from error
    except HostError as error:
        text = f"{document.ledger.unit} stays stopped, its state could not be taken back: {error.what}"
        hint = f"journalctl --unit {UNIT}; mend the cause, then nodeops lifecycle restart goes on with it"
        raise HostError(text, where=f"the ledger of {document.node.name}", hint=hint) from error


def _goes_on(document: NodeDocument) -> Timeout:
    text = f"taking back the state takes longer than {_SECONDS:g} s, and goes on; {document.ledger.unit} is started after it"
    hint = f"systemctl status {UNIT}; nodeops lifecycle restart waits for it again"
    return Timeout(text, where=f"the ledger of {document.node.name}", hint=hint)


def _words(document: NodeDocument) -> list[str]:
    """Return the program's own verb, as the ledger's user, who may write its data and nothing else; then the hold is let go."""
    paths, user = document.ledger.paths, document.ledger.user
    after = f"ExecStartPost=+/usr/bin/rm -f {held_by(document)}"
    limits = [*_ONCE, *SANDBOX, f"User={user}", f"Group={user}", f"ReadWritePaths={paths['data']}", after]
    unit = ["systemd-run", "--quiet", f"--unit={UNIT}", *(f"--property={one}" for one in limits)]
    return [*unit, paths["binary"], *_rule(document).words, "--home", paths["home"]]


def _rule(document: NodeDocument) -> Recompute:
    rule = load_profile(document.ledger.platform).recompute
    if rule is None:
        text = f"{document.ledger.platform} cannot take the state of a block back"
        raise InputError(text, where="--recompute", allowed="a platform whose profile has [recompute]")
    return rule
