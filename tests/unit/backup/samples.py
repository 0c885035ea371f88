"""A host in a folder: a node's files, its document, whose ledger is silent, and settings of a repository; and its verbs asked."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from tests.contract.rules.tree import ROOT

SECRET = "correct-horse-battery"
# A disk and room kept free, as large as somebody chose.
LEFT_OUT = ("disk-log.img", "disk-log.new", ".nodeops-ballast-1")


def made_host(folder: Path, **settings: str) -> Path:
    """Write a host's files; settings are lines of backup.env beside those of a repository in the folder."""
    made = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
    names = ("validator_state", "config", "genesis", "keys")
    ledger = {**made.ledger.paths, **{name: str(folder / "ledger" / name) for name in names}}
    own = {**made.paths, "etc": str(folder), "document": str(folder / "node.json"), "state": str(folder / "state")}
    own |= {"backup_state": str(folder / "state" / "backup"), "log_image": str(folder / "state" / "disk-log.img")}
    document = NodeDocument.model_validate(
        {**made.model_dump(mode="python"), "paths": own, "ledger": {**made.ledger.model_dump(mode="python"), "paths": ledger}}
    )
    (folder / "ledger").mkdir(parents=True)
    (folder / "state").mkdir()
    for name in names[:3]:
        (folder / "ledger" / name).write_text(f"{name} of cu-1")
    (folder / "state" / "receipts").write_bytes(os.urandom(200_000))
    for name in LEFT_OUT:
        (folder / "state" / name).write_bytes(b"no state")
    (folder / "node.json").write_text(document.model_dump_json())
    write_settings(folder, **settings)
    return folder


def write_settings(folder: Path, **settings: str) -> None:
    """Write backup.env: a repository in the folder and its password, or what is given instead."""
    lines = {"RESTIC_REPOSITORY": str(folder / "repository"), "RESTIC_PASSWORD": SECRET, **settings}
    file = folder / "backup.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    file.chmod(0o600)


def asked(host: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the answer of a verb on a host; no secret may be in what it says."""
    with pytest.raises(SystemExit) as left:
        main(["backup", *words, "--json", "--document", str(host / "node.json")])
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    return int(left.value.code or 0), json.loads(said.out)
