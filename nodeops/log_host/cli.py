"""`nodeops log-host`: what this host keeps of its nodes' logs; its unit, and what the unit runs."""

import asyncio
import json
import os
import ssl
import time
from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError
from nodeops.core.result import Result
from nodeops.document.host import load_host_document
from nodeops.document.models import PlainDocument
from nodeops.host.lock import changes_host
from nodeops.host.units.service import carry_out, observe, plan_current
from nodeops.log_host import server, status
from nodeops.log_host.store import Bounds, Store

app = typer.Typer(no_args_is_help=True)

UNIT = "nodeops-log-host.service"


def _document(path: Path | None) -> PlainDocument:
    """Return this host's document. Raise HostError where it is no log host."""
    found = load_host_document(path)
    if not isinstance(found, PlainDocument) or not found.takes_logs:
        hint = "hardening.log_hosts names those that are (docs/log_host.md)"
        raise HostError(f"this host is the {found.title}, and no log host", where="nodeops log-host", hint=hint)
    return found


@app.command()
def show(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show of each node whether its lines come, and how much is kept. Exit code 1 when some do not."""
    found = status.read(Path(_document(document).paths["log_host_status"]))
    emit(Result(found.model_dump(mode="json"), findings=status.findings(found)), as_json)


@app.command()
@changes_host()
def start(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the log host, or restart one that is older than its unit, and see it ready; called by the role."""
    own = _document(document)
    changes = plan_current(observe(UNIT), lambda: _current(own))
    if not dry_run:
        # systemd waits until it listens.
        carry_out(changes)
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


def _current(own: PlainDocument) -> bool:
    """Tell whether the log host's process runs from the tree of the agent that this verb runs from."""
    try:
        return status.read(Path(own.paths["log_host_status"])).tree == status.tree()
    except HostError:
        return False


@app.command(hidden=True)
def serve(
    days: Annotated[int, typer.Option(min=1, max=3650, help="How many days of each node are kept.")],
    day_bytes: Annotated[int, typer.Option(min=1 << 16, max=1 << 40, help="How many bytes of each node are kept of a day.")],
    document: DocumentOption = None,
) -> None:
    """Be the log host; what the unit nodeops-log-host runs."""
    own, given = _document(document), os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not given:
        raise HostError("the keys come from systemd", where="nodeops log-host serve", hint=f"systemctl start {UNIT}")
    handed, port, folder = Path(given), own.log_host_ports["logs"], Path(own.paths["log_host_data"])
    store = Store(folder, Bounds(days, day_bytes, own.limits.min_free_bytes), time.time)
    wanted = [member.name for member in own.members if member.organisation == own.host.organisation]
    try:
        nodes = {name: pem for name, pem in json.loads((handed / "nodes.json").read_bytes()).items() if name in wanted}
        missing = sorted(set(wanted) - set(nodes))
        place = server.Place(port.bind, port.port, handed / "key.pem", handed / "certificate.pem", nodes)
        asyncio.run(server.serve(store, place, lambda: _say(own, store, folder, sorted(nodes), missing)))
    except (OSError, ssl.SSLError, ValueError) as error:
        raise HostError(f"cannot serve: {error}", where=UNIT, hint="run site.yml from the controller") from error


def _say(own: PlainDocument, store: Store, folder: Path, nodes: list[str], missing: list[str]) -> None:
    status.write(Path(own.paths["log_host_status"]), status.seen(store, folder, nodes, missing))
