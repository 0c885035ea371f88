"""`nodeops lifecycle`: what is done to a node only when the others can do without it."""

from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit, working
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.host.lock import changes_host
from nodeops.host.units.service import plan_restart
from nodeops.ledger.node.hold import held
from nodeops.ledger.node.service import observe
from nodeops.lifecycle.member_cli import ready, retire
from nodeops.lifecycle.recompute import planned as planned_back
from nodeops.lifecycle.recompute import require_useful
from nodeops.lifecycle.restart import restart as restart_with_leave
from nodeops.lifecycle.upgrade.cli import plan, rollback, step_aside, watch
from nodeops.lifecycle.upgrade.height import AtHeight
from nodeops.quorum.cli import PATIENCE_SECONDS, ChainStandsFlag, ForceOption, PatienceOption, RollOption, request
from nodeops.quorum.leave import Asked, look

app = typer.Typer(no_args_is_help=True)
app.command("plan")(plan)
app.command("watch")(watch)
app.command("step-aside")(step_aside)
app.command("rollback")(rollback)
app.command()(ready)
app.command()(retire)


@app.callback()
def lifecycle() -> None:
    """Act on a node when the others can do without it."""


@app.command()
@changes_host()
def restart(
    if_stale: Annotated[bool, typer.Option("--if-stale", help="Only when the process runs an older configuration.")] = False,
    timeout: Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds that the node gets to come back.")] = 90,
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    force: ForceOption = "",
    planned: Annotated[bool, typer.Option("--planned", help="At the height that was voted on; too early is refused.")] = False,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute the newest block anew: for a node that stopped with another state.")
    ] = False,
    patience: PatienceOption = PATIENCE_SECONDS,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Restart the ledger on this host once the quorum gate lets it; where the chain moves, wait until this node takes part again.

    A node that does not come back is put back to what it last took part with, and the verb fails."""
    document = load_node_document()
    if recompute:
        require_useful(document)
    recompute = recompute or held(document)
    changes = plan_restart(observe(document), if_stale and not recompute)
    asked = (AtHeight if planned else Asked)(document, request(document, roll, chain_stands, force), patience)
    if changes and not dry_run:
        with working("waiting for leave to stop the node") as say:
            restart_with_leave(asked, changes, timeout, say, recompute)
    unit = observe(document).unit
    lines = [f"{unit.name}: {unit.state}"]
    if changes and dry_run and not planned:
        found = look(document, asked.request)
        lines.append(f"the quorum gate: {found.verdict}, {found.why}")
    emit(
        Result({"state": unit.state}, lines=lines, changes=[*([planned_back(document)] if recompute else []), *changes]), as_json
    )
