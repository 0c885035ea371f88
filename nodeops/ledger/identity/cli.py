"""`nodeops ledger identity`: show the public identity of this node, and make it once."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError
from nodeops.core.result import Change, Result, Table
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.host.lock import changes_host
from nodeops.ledger.founding.genesis import content_digest
from nodeops.ledger.identity.files import Layout, ensure, layout, observe, read_identity, replace_record_key
from nodeops.ledger.identity.findings import key_findings
from nodeops.ledger.identity.identity import Identity
from nodeops.ledger.identity.node_key import replace_node_key
from nodeops.ledger.identity.plan import Step, decide

EnsureFlag = Annotated[
    bool, typer.Option("--ensure", help="Make the keys if this node never had any. Old keys are never touched.")
]

PublishedOption = Annotated[
    str, typer.Option("--published", metavar="ID", help="Members know this node already, by this id: make no other keys for it.")
]

ReplaceOption = Annotated[
    str,
    typer.Option("--replace-record-key", metavar="KEY", help="Make another key for records where this one (base64) is here."),
]

ReplaceNodeOption = Annotated[
    str,
    typer.Option("--replace-node-key", metavar="ID", help="Make another key for peers where this node id is here; note it."),
]
# Which keys of this host were replaced, below the folder for state.
KEYS_BOOK = "keys.jsonl"


@changes_host("ensure_keys")
def identity(
    context: typer.Context,
    ensure_keys: EnsureFlag = False,
    published: PublishedOption = "",
    replaced: ReplaceOption = "",
    replaced_id: ReplaceNodeOption = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show this node's public identity: node id, validator key and address. Needs root, who alone may read the keys."""
    if os.geteuid() != 0:
        raise HostError("the keys of a node are for root only", where="nodeops ledger identity", hint="run it with sudo")
    document = load_node_document()
    at = layout(document)
    changes = ensure(at, _binary(document), published=published, dry_run=dry_run) if ensure_keys else []
    changes += replace_record_key(at, replaced, dry_run=dry_run) if replaced else []
    if replaced_id:
        note = partial(context.obj.note, document, KEYS_BOOK, "replaced")
        changes += replace_node_key(at, replaced_id, note, dry_run=dry_run)
    emit(_result(document, at, changes, dry_run), as_json)


def _binary(document: NodeDocument) -> Path:
    """Return the ledger's binary: that of the version the document names, else the one in use."""
    first, second = (Path(document.ledger.paths[name]) for name in ("version_binary", "binary"))
    return second if second.is_file() and not first.is_file() else first


def _result(document: NodeDocument, at: Layout, changes: list[Change], dry_run: bool) -> Result:
    step = decide(observe(at), str(at.keys), str(at.data))
    if step is Step.NOTHING:
        shown = read_identity(at, document.node.name, document.node.organisation)
        data = {**shown.model_dump(mode="json"), "genesis_digest": genesis_digest(document)}
        return Result(data, tables=[_table(shown)], findings=key_findings(at), changes=changes)
    if dry_run:
        return Result(_nothing_yet(document), lines=["this node has no identity yet"], changes=changes)
    text = "this node has no identity yet" if step is Step.CREATE else "the making of this node's identity was interrupted"
    raise HostError(text, where=str(at.keys), hint="run nodeops ledger identity --ensure, or site.yml from the controller")


def _nothing_yet(document: NodeDocument) -> dict[str, Any]:
    who = {"node": document.node.name, "organisation": document.node.organisation}
    return {**who, **dict.fromkeys(("node_id", "validator_key", "validator_address")), "genesis_digest": genesis_digest(document)}


def genesis_digest(document: NodeDocument) -> str | None:
    """Return what names the content of this host's genesis file, or None without one.

    The controller compares it with its own, and makes no second genesis when it has lost the first.
    """
    try:
        return content_digest(Path(document.ledger.paths["genesis"]).read_bytes())
    except FileNotFoundError:
        return None


def _table(shown: Identity) -> Table:
    rows = [
        ("node", shown.node),
        ("organisation", shown.organisation),
        ("node id", shown.node_id),
        ("validator key", f"{shown.validator_key.type} {shown.validator_key.value}"),
        ("validator address", shown.validator_address),
        *([("record key", f"ed25519 {shown.record_key}")] if shown.record_key else []),
    ]
    return Table(("public identity", ""), rows)
