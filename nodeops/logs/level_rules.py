"""The log level lever: which level may be set for how long, what that changes, and how it goes back by itself. Pure.

A drop-in below /run sets the environment variable that the profile names, so no file of Ansible's is touched and a reboot
forgets it. A timer that takes it back is armed before anything is changed, and what it runs compares with what is there: it may
come twice, late, or after a crash at any step.
"""

import math
from dataclasses import dataclass

from nodeops.core.errors import InputError
from nodeops.core.result import Change
from nodeops.core.spoken_time import duration
from nodeops.document.log_format import LogLever
from nodeops.document.models import LedgerPlan

# Longer than a day is no trial: choose another log_level in nodeops_choices.
MOST_SECONDS = 24 * 3600.0
DEFAULT_SECONDS = 3600.0
_CONTENT = (
    "# Written by `nodeops logs level`, removed by its timer; gone after a reboot.\n[Service]\nEnvironment={variable}={level}\n"
)


@dataclass(frozen=True)
class Pull:
    """A level that was set. `token` names its timer; it `ends` that many seconds after the boot `boot` began."""

    level: str
    token: str
    boot: str
    ends: float

    @property
    def unit(self) -> str:
        """Return the name of the units that take it back, without their suffix."""
        return f"nodeops-log-level-{self.token}"


@dataclass(frozen=True)
class Seen:
    """What is there. `configured` is the level that Ansible wrote, `dropped_in` the one that the drop-in sets.

    `running` is what the process was started with, None when it has no variable of ours; it means nothing unless `active`.
    `left` are the seconds until the timer of `pull` takes it back, None when no timer is armed.
    """

    unit: str
    configured: str
    dropped_in: str | None
    running: str | None
    active: bool
    pull: Pull | None
    left: float | None

    @property
    def level(self) -> str:
        """Return the level at which the process logs, or will once it is started."""
        return (self.running if self.active else self.dropped_in) or self.configured


def require_lever(plan: LedgerPlan) -> LogLever:
    """Return how the platform's level is changed for a while. Raise InputError when it cannot be."""
    if plan.log.lever is None:
        hint = "choose log_level in nodeops_choices and run site.yml"
        raise InputError(f"the log level of {plan.platform} cannot be changed for a while", where="nodeops logs level", hint=hint)
    return plan.log.lever


def seconds_of(level: str, lasting: str | None, plan: LedgerPlan) -> float:
    """Return for how many seconds a level is set. Raise InputError for an unknown level and for a time it may not have.

    The most talkative level fills disks, so whoever sets it must say for how long; other levels last an hour by themselves.
    """
    if level not in plan.log_levels:
        raise InputError(f"unknown level '{level}'", where="LEVEL", allowed=", ".join(plan.log_levels))
    if lasting is None:
        if level == plan.log_levels[0] != plan.log_level:
            raise InputError(f"{level} fills disks: say for how long", where="--for", allowed="up to 24h", hint="--for 30m")
        return DEFAULT_SECONDS
    seconds = duration(lasting, "--for")
    if seconds > MOST_SECONDS:
        hint = "choose log_level in nodeops_choices and run site.yml"
        raise InputError(f"'{lasting}' is longer than a day", where="--for", allowed="up to 24h", hint=hint)
    return seconds


def content(variable: str, level: str) -> str:
    """Return the drop-in that sets a level. The time is not in it: a longer time must not make the process look outdated."""
    return _CONTENT.format(variable=variable, level=level)


def level_in(text: str, variable: str) -> str | None:
    """Return the level that a drop-in sets; None when it sets none."""
    settings = (line.removeprefix("Environment=").strip() for line in text.splitlines() if line.startswith("Environment="))
    return next((word.partition("=")[2] for word in settings if word.partition("=")[0] == variable), None)


def plan_set(seen: Seen, level: str, seconds: float) -> list[Change]:
    """Return what sets a level for a while, in order: first what takes it back."""
    changes = [Change("arm the timer", "the level goes back by itself", _left(seen), f"{seconds:.0f} s")]
    if seen.dropped_in != level:
        changes.append(Change("write the drop-in", f"{seen.unit} is started with this level", seen.dropped_in or "", level))
    return [*changes, *_apply(seen, level, rewritten=seen.dropped_in != level)]


def plan_back(seen: Seen) -> list[Change]:
    """Return what takes the level back; nothing when it is back, however it came to that."""
    gone = [Change("remove the drop-in", "its time is over", seen.dropped_in, "absent")] if seen.dropped_in else []
    return [*gone, *_apply(seen, None, rewritten=bool(seen.dropped_in))]


def _apply(seen: Seen, level: str | None, *, rewritten: bool) -> list[Change]:
    """Return the reload and the restart that bring the process to a level. One that does not run is not started for this."""
    outdated = seen.active and seen.running != level
    reload = [Change(f"daemon-reload {seen.unit}", "systemd still has the drop-ins as they were before")]
    restart = [Change(f"restart {seen.unit}", "it reads the level only at its start", seen.level, level or seen.configured)]
    return [*(reload if rewritten or outdated else []), *(restart if outdated else [])]


def _left(seen: Seen) -> str:
    return "" if seen.left is None else f"{seen.left:.0f} s left"


def summary(seen: Seen) -> str:
    """Return in one line what the level is, and until when."""
    what = f"{seen.unit} logs at {seen.level}" if seen.active else f"{seen.unit} does not run and will log at {seen.level}"
    if seen.dropped_in is None:
        outdated = seen.active and seen.running
        return f"{what} until it is restarted: nodeops logs level --back" if outdated else f"{what}, as configured"
    if seen.left is None:
        return f"{what}, and no timer takes it back to {seen.configured}: nodeops logs level --back"
    return f"{what} for {math.ceil(seen.left / 60)} min more, then at {seen.configured} again"
