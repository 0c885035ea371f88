"""How a person's verb reaches the guard, which alone holds the log: a request in one file, the answer in another. Lean.

Both lie in the run-time folder, where only root may write.
"""

import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError, Timeout
from nodeops.disk.model import Plan
from nodeops.host.files import write_atomic

_REQUEST, _ANSWER = "request.json", "answer.json"
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Request:
    """What is asked: to seal, to purge so many bytes, or, with `dry_run`, only for the plan that this makes."""

    id: str
    seal: bool
    purge_bytes: int
    dry_run: bool


def ask(run: Path, seal: bool, purge_bytes: int, dry_run: bool, seconds: float) -> dict[str, Any]:
    """Return the guard's answer: `plan`, `done` and `alarms`. Raise Timeout when there is none in time."""
    request = Request(secrets.token_hex(8), seal, purge_bytes, dry_run)
    write_atomic(run / _REQUEST, json.dumps(asdict(request)).encode(), 0o600)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = _read(run / _ANSWER)
        if answer.get("id") == request.id:
            return answer
        time.sleep(_PAUSE_SECONDS)
    (run / _REQUEST).unlink(missing_ok=True)
    raise Timeout(f"the guard did not answer within {seconds:g} s", where="nodeops-disk.service", hint="nodeops disk status")


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def pending(run: Path) -> Request | None:
    """Return what is asked now, and take the request away; None when nothing is."""
    said = _read(run / _REQUEST)
    if not said:
        return None
    (run / _REQUEST).unlink(missing_ok=True)
    try:
        return Request(str(said["id"]), bool(said["seal"]), int(said["purge_bytes"]), bool(said["dry_run"]))
    except (KeyError, TypeError, ValueError) as error:
        raise HostError(f"a request cannot be read: {error!r}", where=str(run / _REQUEST)) from error


def answer(run: Path, request: Request, plan: Plan, done: list[str], alarms: list[str]) -> None:
    """Say what was planned and done for a request. Raise HostError when that is not possible."""
    said = {"id": request.id, "plan": plan_data(plan), "done": done, "alarms": alarms}
    write_atomic(run / _ANSWER, json.dumps(said).encode(), 0o600)


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain values."""
    rows = [{**asdict(one), "stage": one.stage.name.lower()} for one in plan.actions]
    return {"actions": rows, "frees": plan.frees, "short": plan.short}
