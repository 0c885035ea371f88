"""`nodeops agent`: the trees of this host, and on a controller the building of new ones."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from nodeops.agent import tree
from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.result import Change, Result, Table
from nodeops.document.resolve import host_paths
from nodeops.host.lock import changes_host

app = typer.Typer(no_args_is_help=True, add_completion=False)

# The tree of a host leaves out what only a controller needs.
if importlib.util.find_spec("nodeops.agent.build_cli"):
    from nodeops.agent.build_cli import build

    app.command()(build)

RootOption = Annotated[Path | None, typer.Option("--root", help="Folder of the trees (default: where hosts have it).")]


def _root(given: Path | None) -> Path:
    return given or Path(host_paths()["agent"])


@app.command()
def show(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Show the trees of this host: which is current, and which a rollback would take."""
    state = tree.observe(_root(root))
    marks = {state.previous: "previous", state.current: "current"}
    rows = [(found.name, marks.get(found.name, ""), found.nodeops, found.python, found.problem) for found in state.trees]
    data = {"root": str(state.root), "current": state.current, "previous": state.previous}
    trees = [vars(found) for found in state.trees]
    table = Table(("tree", "link", "nodeops", "python", "problem"), rows, str(state.root))
    emit(Result({**data, "trees": trees}, tables=[table]), as_json)


@app.command()
def verify(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Check that the current and the previous tree are what was delivered."""
    folder = _root(root)
    emit(Result({"root": str(folder)}, findings=tree.verify(folder, Path(host_paths()["command"]))), as_json)


@app.command()
@changes_host()
def rollback(root: RootOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Switch back to the previous tree by one rename. A second rollback comes back."""
    folder = _root(root)
    before, after = tree.plan_rollback(folder) if dry_run else tree.rollback(folder)
    change = Change(str(folder / "current"), "rollback to the previous tree", before, after)
    emit(Result({"current": before if dry_run else after, "dry_run": dry_run}, changes=[change]), as_json)
