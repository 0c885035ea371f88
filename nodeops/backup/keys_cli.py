"""`nodeops backup keys`: the archive of this node's keys, for the admins of its organisation."""

import base64
from pathlib import Path
from typing import Annotated

import typer

from nodeops.backup.custody import archive_file, ensure_archive, intact, own_identity, read_note
from nodeops.backup.custody_rules import judge_archive, judge_ledger, judge_people, recipients
from nodeops.backup.opened import judged, opened, published
from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit
from nodeops.core.errors import InputError, NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.document.inventory import INVENTORY_HELP, inventory_folder
from nodeops.document.models import NodeDocument
from nodeops.host.lock import changes_host
from nodeops.ledger.driver import driver_for


@changes_host("ensure")
def keys(
    ensure: Annotated[
        bool, typer.Option("--ensure", help="Make the archive where there is none of these keys, for these admins.")
    ] = False,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the archive of this node's keys, encrypted to two or more admins, and judge it; no secret is shown.

    Keep a copy where none of the hosts is: with it, an admin's SSH key and this project a lost host gets its identity back.
    """
    node = load_node_document(document)
    try:
        people = recipients(node)
    except InputError as error:
        finding = Finding("backup.keys", Verdict.WARN, "two admins can open an archive of the keys", str(error), error.hint)
        return emit(Result({"archive": ""}, findings=[finding]), as_json)
    changes = ensure_archive(node, dry_run=dry_run) if ensure else []
    note, identity = read_note(node), own_identity(node)
    shown = identity.model_dump(mode="json")
    whole = note is not None and intact(node, note)
    findings = [judge_archive(note.identity if note else None, shown, whole)] if not (changes and dry_run) else []
    findings += judge_people(note.recipients if note else [], people) if not dry_run else []
    findings.append(judge_ledger(identity.validator_key.value, _voting(node), identity.validator_address, node.node.power))
    text = archive_file(node).read_text(encoding="ascii") if whole else ""
    lines = [f"made {note.made}, for {len(note.recipients)} admins: {archive_file(node)}"] if note else []
    return emit(Result({"archive": text, "identity": shown}, lines=lines, findings=findings, changes=changes), as_json)


def open_keys(
    archives: Annotated[list[Path], typer.Argument(metavar="ARCHIVE...", help="custody/NODE.age, of one node or more.")],
    key: Annotated[Path, typer.Option("--identity", metavar="FILE", help="The SSH key of an admin.")],
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Open archives as their custodian does, on a machine of theirs, and compare the keys with those that members know.

    What was encrypted stays in memory. Exit code 1 when one holds other keys.
    """
    folder = inventory_folder(inventory)
    known = {archive: published(folder / "identities" / f"{archive.stem}.yml") for archive in archives}
    findings = [judged(archive.stem, opened(archive, key), identity) for archive, identity in known.items()]
    lines = [f"{one.id}: {one.actual}" for one in findings]
    emit(Result({"archives": [str(one) for one in archives]}, lines=lines, findings=findings), as_json)


def _voting(node: NodeDocument) -> dict[str, str] | None:
    try:
        found = driver_for(node).validators().validators
    except NodeopsError:
        return None
    return {one.address: base64.b64encode(one.public_key).decode() for one in found}
