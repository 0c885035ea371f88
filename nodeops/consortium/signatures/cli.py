"""`nodeops consortium sign|signatures`: agree to a revision where the chain cannot ask, or does not move."""

from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.consortium.kept import previous
from nodeops.consortium.options import FromOption, InventoryOption
from nodeops.consortium.outlook import diff_result
from nodeops.consortium.rules import judged
from nodeops.consortium.signatures.signed import statement
from nodeops.consortium.signatures.ssh_keygen import make, signed
from nodeops.core.errors import Refused
from nodeops.core.finding import Finding, Verdict, failures
from nodeops.core.result import Change, Result
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import inventory_folder
from nodeops.document.load import load_consortium
from nodeops.document.models import Consortium
from nodeops.document.profile import load_profile

SshKeyOption = Annotated[
    Path, typer.Option("--key", help="An admin's SSH key, or its .pub when an SSH agent or a hardware token holds the secret.")
]


def _step(inventory: Path | None, since: Path | None) -> tuple[Path, Consortium | None, Consortium]:
    folder = inventory_folder(inventory)
    new, _ = checked_consortium(folder)
    old = load_consortium(since) if since else None if new.revision == 1 else previous(folder, new)
    return folder, old, new


def sign(
    key: SshKeyOption,
    inventory: InventoryOption = None,
    since: FromOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Sign the working consortium.yml as an admin of the revision before it. Give the file it writes to the other members."""
    folder, old, new = _step(inventory, since)
    text = statement(old, new)
    shown = Result({}, lines=[])
    if old:
        profile = load_profile(new.ledger.platform)
        found = judged(old, new, profile)
        if failures(found):
            raise Refused("this revision may not be signed:\n  " + "\n  ".join(failures(found)), where="consortium.yml")
        shown = diff_result(old, new, profile, found)
    file = None if dry_run else make(folder, key, old, new)
    lines = [*shown.lines, "signed is:", *text.decode().splitlines(), *([f"written to {file}"] if file else [])]
    change = Change("signature", f"revision {new.revision} is signed")
    data = {**shown.data, "statement": text.decode(), "file": str(file) if file else None}
    emit(Result(data, shown.tables, lines, shown.findings, [change]), as_json)


def signatures(inventory: InventoryOption = None, since: FromOption = None, as_json: JsonFlag = False) -> None:
    """Show which organisations signed the working consortium.yml. Exits with 1 while too few have."""
    folder, old, new = _step(inventory, since)
    found = signed(folder, old, new)
    expected = f"{found.needed} organisations sign revision {new.revision}"
    verdict, hint = (Verdict.PASS, "") if found.enough else (Verdict.FAIL, "nodeops consortium sign, by admins of others")
    findings = [Finding("consortium.signatures.signed", verdict, expected, str(found), hint)]
    findings += [
        Finding("consortium.signature", Verdict.WARN, "each file is a signature of this step", one) for one in found.refused
    ]
    data = {"signed": sorted(found.organisations), "needed": found.needed, "enough": found.enough}
    emit(Result(data, findings=findings), as_json)
