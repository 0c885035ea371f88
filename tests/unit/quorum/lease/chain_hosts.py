"""Hosts of a consortium as their documents make them, which all ask the one node of a real ledgerd."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nodeops.document.models import Consortium
from nodeops.document.resolve import resolve
from nodeops.ledger.authors import Author, Authors
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.ledgerd_process import CHAIN, consortium, key_file
from tests.unit.records.author_chain import AUTHORS

NODES = {"alpha-1": "alpha", "billing": "beta", "meter": "gamma", "alpha-2": "alpha"}


def members(nodes: Mapping[str, str], revision: int = 1, powers: Mapping[str, int] | None = None) -> Consortium:
    """Return the file of a consortium with these nodes, by whose organisations they are."""
    tree = consortium().model_dump(mode="json", exclude_none=True)
    made = {
        name: {"organisation": owner, "duty": "validator", "power": (powers or {}).get(name, 1), "address": f"192.0.2.{number}"}
        for number, (name, owner) in enumerate(nodes.items(), 1)
    }
    own = {name: {**one, "record_keys": {}} for name, one in tree["organisations"].items()}
    return Consortium.model_validate({**tree, "revision": revision, "nodes": made, "organisations": own})


def hosts_of(process: Process, folder: Path) -> dict[str, Path]:
    """Return the node documents of four hosts of three organisations.

    On the chain each organisation's application writes in its name; a host has its own folders, as on a machine of its own.
    """
    return {name: host(process, members(NODES), name, folder) for name in NODES}


def host(process: Process, made: Consortium, name: str, folder: Path, authors: Sequence[Author] = AUTHORS) -> Path:
    """Make a host what a file says, in its folder; one that is there already keeps what it read and its key."""
    folder = folder / name
    folder.mkdir(exist_ok=True)
    document = resolve(made, name, {}).model_dump(mode="json")
    document["ledger"]["ports"]["rpc"]["port"] = int(process.url.rpartition(":")[2])
    document["ledger"]["paths"] |= {
        "genesis": str(process.home / "config/genesis.json"),
        "record_key": str(key_file(folder, f"record {'alpha-1' if name == 'alpha-2' else name}")),
    }
    (folder / "authors.json").write_text(Authors(chain=CHAIN, authors=list(authors)).text())
    own = {"authors": "authors.json", "records_state": "records", "trust_state": "trust", "quorum_state": "quorum"}
    document["paths"] |= {path: str(folder / file) for path, file in own.items()}
    (folder / "node.json").write_text(json.dumps(document))
    return folder / "node.json"
