"""`nodeops agent build`: make, on the controller, the archives that hosts are given."""

from typing import Annotated, Any

import typer

from nodeops.agent.build import AgentTree
from nodeops.agent.build import build as build_tree
from nodeops.agent.build_content import PYTHONS
from nodeops.artifacts.cli import progress
from nodeops.console import JsonFlag, emit
from nodeops.core.result import Change, Result


def build(
    python: Annotated[list[str] | None, typer.Option(help="Python of the hosts; again for more (default: all).")] = None,
    arch: Annotated[str, typer.Option(help="Machine of the hosts: x86_64 or aarch64.")] = "x86_64",
    refresh: Annotated[bool, typer.Option("--refresh", help="Build anew, whatever is cached.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Build the agent's trees on the controller, unless the cache has them already."""
    with progress() as say:
        built = {name: build_tree(name, arch, refresh=refresh, say=say) for name in python or PYTHONS}
    data = {name: _entry(tree) for name, tree in built.items()}
    lines = [f"{name}: cached, {_summary(tree)}" for name, tree in built.items() if not tree.fresh]
    changes = [Change(str(tree.path), f"Python {name}: {_summary(tree)}") for name, tree in built.items() if tree.fresh]
    emit(Result({"arch": arch, "agents": data}, lines=lines, changes=changes), as_json)


def _entry(tree: AgentTree) -> dict[str, Any]:
    return {**vars(tree), "path": str(tree.path)}


def _summary(tree: AgentTree) -> str:
    return f"tree {tree.digest}, {tree.size / 1e6:.1f} MB, {tree.path}"
