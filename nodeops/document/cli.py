"""`nodeops document`: check the consortium file, show what one host will be told, compare with an older document."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from nodeops.console import JsonFlag, emit
from nodeops.core.errors import InputError
from nodeops.core.result import Result, Table
from nodeops.document.check import checked_consortium, checked_inventory
from nodeops.document.inventory import GENESIS_FILE, INVENTORY_HELP, chosen, inventory_folder
from nodeops.document.models import Consortium, HostDocument
from nodeops.document.resolve import consortium_digest, differences, resolve_host
from nodeops.document.waivers import load_waivers

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="consortium.yml, or the folder that holds it.")],
    as_json: JsonFlag = False,
) -> None:
    """Check an inventory: every mistake in the consortium file, the choices and the waivers with its line, every weakness as a
    finding; name the genesis beside them.
    """
    consortium, findings = checked_inventory(file, _known_controls(context))
    data = {
        "consortium": consortium.consortium,
        "revision": consortium.revision,
        "digest": consortium_digest(consortium),
        "nodes": len(consortium.nodes),
    }
    line = f"{consortium.consortium} revision {consortium.revision}: {len(consortium.nodes)} nodes, digest {data['digest']}"
    genesis = _genesis_digest(file if file.is_dir() else file.parent)
    if genesis:
        data["genesis_digest"] = genesis
        line += f"\n{GENESIS_FILE} has SHA-256 {genesis}: compare it with other organisations by telephone"
    emit(Result(data, lines=[line], findings=findings), as_json)


def _known_controls(context: typer.Context) -> Collection[str] | None:
    """Return the names of all controls: a room above knows them, and the command line hands them down."""
    return context.obj.controls() if context.obj else None


def _genesis_digest(folder: Path) -> str | None:
    """Return the SHA-256 of the genesis beside a consortium file, None without one."""
    try:
        with (folder / GENESIS_FILE).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(folder / GENESIS_FILE)) from error


@app.command()
def show(
    context: typer.Context,
    node: Annotated[str, typer.Argument(help="Name of a node, a monitor or a repository in the consortium file.")],
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
    diff: Annotated[Path | None, typer.Option("--diff", help="An older node.json: show only what differs.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the node document that the consortium file and the choices resolve to for one host."""
    folder = inventory_folder(inventory)
    consortium, _ = checked_consortium(folder)
    document = resolve_host(consortium, node, chosen(folder).choices, load_waivers(folder, consortium, _known_controls(context)))
    emit(_differences(document, diff) if diff else _whole(document, consortium), as_json)


def _whole(document: HostDocument, consortium: Consortium) -> Result:
    data = document.model_dump(mode="json")
    rows = [(path, _text(value)) for path, _, value in differences({}, _flat(data))]
    title = f"{document.own.name}: {consortium.consortium} revision {consortium.revision}"
    return Result({"document": data}, tables=[Table(("key", "value"), rows, title)])


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict):
        return {prefix.rstrip("."): data}
    return {key: value for name, inner in data.items() for key, value in _flat(_rows(inner), f"{prefix}{name}.").items()}


def _rows(data: Any) -> Any:
    """Return a list of objects as a mapping by position: a thousand members are a thousand rows, not one endless one."""
    if isinstance(data, list) and data and all(isinstance(one, dict) for one in data):
        width = len(str(len(data)))
        return {f"{number:0{width}}": _text(one) for number, one in enumerate(data, 1)}
    return data


def _differences(document: HostDocument, old_file: Path) -> Result:
    try:
        old = json.loads(old_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is not a node document: {error}", where=str(old_file)) from error
    if not isinstance(old, dict):
        raise InputError("is not a node document: not a JSON object", where=str(old_file))
    rows = list(differences(old, document.model_dump(mode="json")))
    data = {"differences": [{"key": key, "old": before, "new": after} for key, before, after in rows]}
    if not rows:
        return Result(data, lines=["no difference"])
    return Result(data, tables=[Table(("key", "old", "new"), [(key, _text(a), _text(b)) for key, a, b in rows])])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
