"""A timer of systemd that undoes a change: armed before the change is made, so that whatever is killed, it is taken back."""

from collections.abc import Sequence

from nodeops.host.command import run

_ACTION_SECONDS = 30.0


def arm(unit: str, undo: Sequence[str], seconds: float, accuracy: str) -> None:
    """Let systemd run `undo` in `seconds`, late by `accuracy` (systemd.time(7)) at most; a run that fails is tried again
    until one succeeds. Raise HostError when systemd cannot arm it: then nothing may be changed.
    """
    timer = [f"--on-active={seconds:.0f}s", f"--timer-property=AccuracySec={accuracy}", f"--unit={unit}", "--collect"]
    # A full disk, a node that does not come back in time, a lock in use at that moment: nobody may be left outside for that.
    again = ["--property=Type=oneshot", "--property=Restart=on-failure", "--property=RestartSec=5s"]
    run(["systemd-run", "--quiet", *timer, *again, *undo], timeout_seconds=_ACTION_SECONDS)


def disarm(unit: str) -> None:
    """Stop the timer. The service that it started is left alone: it may be the one that runs this."""
    run(["systemctl", "stop", f"{unit}.timer"], timeout_seconds=_ACTION_SECONDS, allowed_codes=(0, 5))


def clear(unit: str) -> None:
    """Remove what an earlier timer of this name left: systemd refuses a transient unit whose name is taken."""
    units = [f"{unit}.timer", f"{unit}.service"]
    run(["systemctl", "stop", *units], timeout_seconds=_ACTION_SECONDS, allowed_codes=(0, 5))
    run(["systemctl", "reset-failed", *units], timeout_seconds=_ACTION_SECONDS, allowed_codes=(0, 1, 5))
