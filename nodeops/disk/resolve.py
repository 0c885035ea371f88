"""Resolve the guard's policy from the node document, and refuse one that could hurt or that can never be met."""

from pathlib import Path

from nodeops.disk.model import Retention
from nodeops.disk.policy.policy import LogPolicy, Policy
from nodeops.disk.policy.retention import require_possible
from nodeops.disk.policy.stages import last_resort, thresholds
from nodeops.disk.purge.roots import Root, checked_roots
from nodeops.document.models import NodeDocument
from nodeops.host.usage import filesystems

_DAY_SECONDS = 86400.0
# What a vacuum at `low` leaves of the journal: days of a quiet host.
_JOURNAL_BYTES = 128 << 20
_JOURNAL = "/var/log/journal"


def policy_of(document: NodeDocument) -> Policy:
    """Return what the guard of a host acts on. Raise InputError for watermarks out of order."""
    paths, state = document.ledger.paths, document.paths["disk_state"]
    home, logs = paths["home"], paths["log_directory"]
    return Policy(
        node=document.node.name,
        unit=document.ledger.unit,
        log=_log(document),
        watched={"log": logs, "data": paths["data"], "journal": _JOURNAL, "state": document.paths["state"], "system": "/"},
        classes={
            "ledger_log": [logs],
            "sealed": [paths["sealed_log"]],
            "chain_data": [paths["data"]],
            "journal": [_JOURNAL],
        },
        protected=[
            home,
            paths["data"],
            paths["keys"],
            str(Path(paths["config"]).parent),
            paths["binaries"],
            document.paths["state"],
        ],
        ballast_bytes=document.limits.disk.ballast_bytes,
        ballast=_one_a_filesystem([logs, paths["ballast"], state]),
        thresholds=thresholds({str(name): percent for name, percent in document.limits.disk.watermarks.items()}),
        last_resort=last_resort(),
        journal_bytes=_JOURNAL_BYTES,
        state=state,
        run=document.paths["disk_run"],
        status_file=document.paths["disk_status"],
        quorum_file=document.paths["quorum_answer"],
        journal_file=document.paths["log_journal"],
        acks_file=document.paths["acknowledgements"],
        hidden=paths["keys"],
        agent=f"{document.paths['agent']}/current",
        document=document.paths["document"],
    )


def _log(document: NodeDocument) -> LogPolicy:
    choices, form = document.limits.disk, document.ledger.log
    return LogPolicy(
        live=document.ledger.paths["log"],
        sealed=document.ledger.paths["sealed_log"],
        rotation=form.rotation,
        reopen_signal=form.reopen_signal or "",
        rotated=form.rotated or "",
        seal_bytes=choices.seal_bytes,
        seal_seconds=choices.seal_seconds,
        retention=Retention(choices.max_age_days * _DAY_SECONDS, choices.max_bytes, choices.keep_bytes),
        ship_remote=choices.ship.remote if choices.ship else "",
        ship_required=bool(choices.ship and choices.ship.required),
        lossy_ok=choices.lossy_ok,
    )


def _one_a_filesystem(folders: list[str]) -> list[str]:
    """Return the first folder on each filesystem; those that are not there yet are left out."""
    found: dict[int, str] = {}
    for folder in folders:
        if Path(folder).is_dir():
            found.setdefault(Path(folder).stat().st_dev, folder)
    return list(found.values())


def require_safe(policy: Policy) -> None:
    """Raise when the guard must not act on this host: InputError or Refused for a folder of segments that touches what the
    ledger needs, InputError for a retention that can never be met, HostError for a folder that is not there."""
    sealed = Path(policy.log.sealed)
    checked_roots([Root(sealed)], [Path(path) for path in policy.protected])
    (place,) = filesystems([sealed])
    require_possible(policy.log.retention, policy.log.seal_seconds, place.total)
