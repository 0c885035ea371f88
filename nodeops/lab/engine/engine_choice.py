"""Decide how to come to a Docker engine: use, wait, install or start one, or say what a person must do. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from nodeops.core.errors import HostError


class Move(StrEnum):
    """The next move towards an engine that answers."""

    USE = "use"
    WAIT = "wait"
    INSTALL = "install"
    START_SERVICE = "start service"
    START_DETACHED = "start detached"


@dataclass(frozen=True)
class EngineSeen:
    """What is known of the engine and this machine.

    `why_not` is what the engine's address said, `denied` that it would not let us in; `named` that DOCKER_HOST chose
    the address; `alive` that some dockerd runs, `ours` that it is the one we started; `just_installed` that we
    installed it in this run.
    """

    answers: bool = False
    why_not: str = ""
    denied: bool = False
    named: bool = False
    alive: bool = False
    ours: bool = False
    installed: bool = False
    just_installed: bool = False
    root: bool = False
    debian_like: bool = False
    systemd: bool = False


_WHERE = "Docker engine"


def next_move(seen: EngineSeen) -> Move:
    """Return what to do next. Raise HostError when a person must act: nothing that is the user's is ever started for them."""
    if seen.answers:
        return Move.USE
    if seen.named:
        raise HostError(
            f"does not answer: {seen.why_not}", where=_WHERE, hint="DOCKER_HOST names it: start it, or unset DOCKER_HOST"
        )
    if seen.denied:
        raise HostError("may not be used by this user", where=_WHERE, hint="run as root, or join the group docker")
    if seen.alive:
        return _towards_running(seen)
    if not seen.installed:
        return _towards_installed(seen)
    return _towards_started(seen)


def _towards_running(seen: EngineSeen) -> Move:
    if seen.ours or seen.just_installed:
        return Move.WAIT
    raise HostError(
        f"runs, but does not answer: {seen.why_not}", where=_WHERE, hint="look at its log, or name its address in DOCKER_HOST"
    )


def _towards_installed(seen: EngineSeen) -> Move:
    if not seen.debian_like:
        raise HostError("is not installed", where=_WHERE, hint="install Docker; nodeops does so itself on Debian and Ubuntu only")
    if not seen.root:
        raise HostError("is not installed", where=_WHERE, hint="run as root to have it installed, or: apt-get install docker.io")
    return Move.INSTALL


def _towards_started(seen: EngineSeen) -> Move:
    if seen.systemd and not seen.just_installed:
        raise HostError("is stopped", where=_WHERE, hint="systemctl start docker")
    if not seen.root:
        raise HostError("is stopped", where=_WHERE, hint="start it as root: run this command as root, or dockerd")
    return Move.START_SERVICE if seen.systemd else Move.START_DETACHED
