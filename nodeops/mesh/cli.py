"""`nodeops mesh`: what this node sees of the network to the others; its unit, and what the unit runs."""

import os
import time
from pathlib import Path

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError, Timeout
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.lock import changes_host
from nodeops.host.units.service import carry_out, observe, plan_current
from nodeops.mesh import unit
from nodeops.mesh.seen import Seen
from nodeops.mesh.status import read, tree
from nodeops.mesh.verdict import blames, is_noisy, view
from nodeops.mesh.view import findings, ledger_findings, milliseconds, paths_table

app = typer.Typer(no_args_is_help=True)

_READY_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


@app.command()
def show(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show each path of this node, the worst first, and whose fault it looks like. Exit code 1 when one is ill."""
    found = read(Path(load_node_document(document).paths["mesh_status"]))
    emit(report(found), as_json)


def report(found: Seen) -> Result:
    """Return what one node sees, with its own view of whose fault it is."""
    views = {found.node: view(found)}
    causes = blames(views, {found.node: "host"} if is_noisy(found) else {})
    refused = (
        f"refused: {found.strangers} from strangers, {found.forged} forged, {found.repeated} repeated, {found.too_many} too many"
    )
    noise = f"this host to itself: {milliseconds(found.noise.rtt_median)}, p99 {milliseconds(found.noise.rtt_p99)}"
    return Result(
        found.model_dump(mode="json"),
        tables=[paths_table(found)],
        lines=[f"the last minute; {noise}; {refused}"],
        findings=[*findings(causes, views), *ledger_findings(found)],
    )


@app.command()
@changes_host()
def start(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the prober, or restart one that is older than its unit, and see it at work; called by the role."""
    node = load_node_document(document)
    changes = plan_current(observe(unit.UNIT), lambda: _current(node))
    if not dry_run:
        since = time.clock_gettime(time.CLOCK_BOOTTIME) if changes else 0.0
        carry_out(changes)
        _wait_until_written(Path(node.paths["mesh_status"]), since)
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


def _current(node: NodeDocument) -> bool:
    """Tell whether the prober's process runs from the tree of the agent that this verb runs from."""
    try:
        return read(Path(node.paths["mesh_status"])).tree == tree()
    except HostError:
        return False


def _wait_until_written(path: Path, since: float) -> None:
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if read(path).uptime >= since:
                return
        except HostError:
            pass
        if time.monotonic() >= until:
            raise Timeout("the prober wrote nothing", where=unit.UNIT, hint=f"journalctl --unit {unit.UNIT} --lines 20")
        time.sleep(_PAUSE_SECONDS)


@app.command(hidden=True)
def serve(document: DocumentOption = None) -> None:
    """Be the prober; what the unit nodeops-mesh runs."""
    node = load_node_document(document)
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not given:
        raise HostError("the keys come from systemd", where="nodeops mesh serve", hint=f"systemctl start {unit.UNIT}")
    unit.serve(node, Path(given))
