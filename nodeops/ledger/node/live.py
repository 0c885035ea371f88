"""Observe the ledger that runs on this host, and judge it against its node document. Changes nothing."""

from collections.abc import Iterable
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from nodeops.core.errors import HostError
from nodeops.core.finding import Finding
from nodeops.document.facts import NameFacts
from nodeops.document.models import NodeDocument
from nodeops.document.names_rules import judge_names, names_of
from nodeops.host.names import seen
from nodeops.host.process import process
from nodeops.host.units.systemd import unit
from nodeops.host.units.unit_settings import exposure, unit_settings
from nodeops.ledger.identity.files import layout
from nodeops.ledger.identity.findings import key_findings
from nodeops.ledger.node import service
from nodeops.ledger.node.live_rules import Live, Running, judge_live, unbound

_POLL_SECONDS = 0.25


def live_findings(document: NodeDocument, timeout_seconds: float = 0.0) -> list[Finding]:
    """Return the findings on what runs here: unit, process, files, sockets, exposure, keys.

    A ledger that was just started gets up to `timeout_seconds` to open its ports. Raise HostError without systemd, without
    the unit or without root.
    """
    _await_ports(document, timeout_seconds)
    live = observe_live(document)
    return [*judge_live(document, live), *key_findings(layout(document)), *_name_findings(document)]


def _name_findings(document: NodeDocument) -> list[Finding]:
    """Return whether account, folders and units are still ours: who shares the account reads the validator key."""
    return judge_names(document, NameFacts.model_validate(seen(**names_of(document))))


def _await_ports(document: NodeDocument, timeout_seconds: float) -> None:
    """Wait while the ledger runs and has not opened all its ports. What is still closed then is judged, not raised."""
    waiting = Retrying(
        stop=stop_after_delay(timeout_seconds),
        wait=wait_fixed(_POLL_SECONDS),
        retry=retry_if_result(bool),
    )
    try:
        waiting(lambda: _closed_ports(document))
    except RetryError:
        return


def _closed_ports(document: NodeDocument) -> list[str]:
    running = _running(unit(document.ledger.unit).pid, None)
    return unbound(document, running) if running else []


def is_reachable(document: NodeDocument) -> bool:
    """Tell whether the ledger's process listens anywhere. One that does not can have no peers: it takes no part in its chain."""
    running = _running(unit(document.ledger.unit).pid, None)
    return running is not None and bool(running.listening)


def observe_live(document: NodeDocument) -> Live:
    """Return what runs here, and when the files it was started from were last changed."""
    seen = service.observe(document)
    settings = unit_settings(document.ledger.unit)
    return Live(
        state=seen.unit.state,
        needs_reload=seen.unit.needs_reload,
        stale=seen.stale,
        running=_running(seen.unit.pid if seen.unit.active else 0, settings.started),
        changed=_changed(started_from(document, settings.files)),
        exposure=exposure(document.ledger.unit),
    )


def _running(pid: int, started: float | None) -> Running | None:
    found = process(pid) if pid else None
    return Running(found.program, found.user, found.listening, started) if found else None


def started_from(document: NodeDocument, unit_files: Iterable[Path]) -> list[Path]:
    """Return every file that the process read when it was started, and would not read again. Keys are systemd credentials."""
    paths = document.ledger.paths
    names = ("config", "app_config", "genesis", "node_key", "validator_key", "version_binary")
    own = [Path(paths[name]) for name in names if name in paths]
    return [*own, *unit_files]


def _changed(files: Iterable[Path]) -> dict[str, float | None]:
    return {str(file): _last_change(file) for file in files}


def _last_change(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"cannot be looked at: {error.strerror}", where=str(file), hint="run as root") from error
