"""`nodeops artifact`: fetch or build a ledger binary on the controller, list the cache, verify it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from nodeops.artifacts import fetch as artifacts
from nodeops.artifacts.cache import Say
from nodeops.artifacts.plan import OVERRIDE_KEY, SOURCES_HINT, Manifest, architecture
from nodeops.console import JsonFlag, emit, working
from nodeops.core.errors import InputError
from nodeops.core.result import Change, Result, Table
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder
from nodeops.document.load import load_consortium, plain, read_source

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def fetch(
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
    platform: Annotated[str | None, typer.Option(help="Ledger platform, instead of the inventory's.")] = None,
    version: Annotated[str | None, typer.Option(help="Ledger version, instead of the inventory's.")] = None,
    arch: Annotated[str, typer.Option(help="Machine of the hosts: amd64 (x86_64) or arm64 (aarch64).")] = "amd64",
    refresh: Annotated[bool, typer.Option("--refresh", help="Make it anew, whatever is cached.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Fetch or build the ledger binary that an inventory asks for, unless the cache has it already."""
    name, number, override = _wanted(inventory, platform, version)
    with progress() as say:
        found = artifacts.fetch(name, number, arch=arch, override=override, refresh=refresh, say=say)
    data = {"platform": name, "version": number, "arch": architecture(arch), **vars(found), "path": str(found.path)}
    why = f"{found.source}: {found.size} bytes, SHA-256 {found.sha256}"
    changes = [Change(str(found.path), why)] if found.fresh else []
    emit(Result(data, lines=[] if found.fresh else [f"{found.path}: cached, {why}"], changes=changes), as_json)


def _wanted(inventory: Path | None, platform: str | None, version: str | None) -> tuple[str, str, Mapping[str, Any] | None]:
    if (platform is None) != (version is None):
        raise InputError("--platform and --version belong together", where="nodeops artifact fetch")
    if platform is not None and version is not None:
        return platform, version, chosen_override(inventory_folder(inventory)) if inventory else None
    folder = inventory_folder(inventory)
    ledger = load_consortium(folder).ledger
    return ledger.platform, ledger.version, chosen_override(folder)


def chosen_override(folder: Path) -> Mapping[str, Any] | None:
    """Return the `ledger_artifact` of group_vars/all.yml, None without one. Raise InputError when it is not a mapping."""
    file = folder / "group_vars" / "all.yml"
    tree = plain(read_source(file).tree) if file.is_file() else None
    override = tree.get(OVERRIDE_KEY) if isinstance(tree, dict) else None
    if override is not None and not isinstance(override, dict):
        raise InputError("is not a mapping", where=f"{file}: {OVERRIDE_KEY}", hint=SOURCES_HINT)
    return override or None


@contextmanager
def progress() -> Iterator[Say]:
    """Show on stderr what is being done: a live line on a terminal, nothing in a pipe."""
    with working("looking at the cache") as say:
        yield say


@app.command("list")
def list_cached(as_json: JsonFlag = False) -> None:
    """List the cached ledger binaries."""
    found = artifacts.cached()
    rows = [_row(folder, manifest) for folder, manifest in found]
    data = {"artifacts": [_entry(folder, manifest) for folder, manifest in found]}
    columns = ("platform", "version", "for", "source", "MB", "sha256", "when")
    tables = [Table(columns, rows)] if rows else []
    emit(Result(data, tables=tables, lines=[] if rows else ["nothing is cached"]), as_json)


def _entry(folder: Path, manifest: Manifest | None) -> dict[str, Any]:
    return {"path": str(folder), "changed": manifest is None, "manifest": manifest.model_dump() if manifest else None}


def _row(folder: Path, manifest: Manifest | None) -> tuple[str, ...]:
    platform, version, target = folder.parts[-3:]
    if manifest is None:
        return platform, version, target, "CHANGED", "", "", "nodeops artifact verify says what is wrong"
    return platform, version, target, manifest.source, f"{manifest.size / 1e6:.1f}", manifest.sha256, manifest.when


@app.command()
def verify(as_json: JsonFlag = False) -> None:
    """Compare every cached binary with its manifest."""
    findings = artifacts.verify()
    emit(Result({"artifacts": len(findings)}, lines=[] if findings else ["nothing is cached"], findings=findings), as_json)
