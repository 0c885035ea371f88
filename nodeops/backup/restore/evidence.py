"""What this host's ledger, and files from other members' nodes, show of the chain's newest blocks: each proven or refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nodeops.backup.restore.plan import SILENT_COMMITS, Told
from nodeops.backup.restore.proof import Prove, proven
from nodeops.core.errors import HostError, InputError
from nodeops.document.models import NodeDocument
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.founding.genesis_models import Genesis

_MAX_WITNESS_BYTES = 16 << 20


@dataclass(frozen=True)
class Known:
    """What this host's genesis vouches for: blocks, each founding validator's organisation by address, this node's key.

    `prove` follows the validators from the genesis on, through this host's own node.
    """

    prove: Prove
    organisations: Mapping[str, str]
    own_key: str
    own_address: str


def known(document: NodeDocument) -> Known:
    """Return what the genesis of this host says; `own_key` and `own_address` are "" for a node that is none of its validators.

    Raise HostError when it is missing or damaged.
    """
    path = Path(document.ledger.paths["genesis"])
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = "ansible-playbook playbooks/restore.yml writes it"
        raise HostError(f"cannot be read: {error.strerror}", where=str(path), hint=hint) from error
    follower = open_follower(document, driver_for(document))
    try:
        founders = {one.name: one for one in Genesis.model_validate_json(data).validators}
    except ValidationError as error:
        raise HostError("names no validators by their nodes", where=str(path)) from error
    member = {one.name: one.organisation for one in document.members}
    own = founders.get(document.node.name)
    organisations = {one.address: member[name] for name, one in founders.items() if name in member}
    return Known(follower.prove, organisations, own.pub_key.value if own else "", own.address if own else "")


def own_known(document: NodeDocument) -> Known:
    """Return the same of a validator. Raise HostError when the genesis does not name it."""
    found = known(document)
    if not found.own_key:
        text = f"{document.node.name} is none of the genesis' validators: only those are brought back"
        raise HostError(text, where=document.ledger.paths["genesis"], hint="docs/restore.md, 'What it cannot do'")
    return found


def newest_headers(driver: Driver) -> list[dict[str, Any]]:
    """Return the signed headers of the newest SILENT_COMMITS blocks that a ledger has, raw, newest first."""
    seen = driver.status()
    first = max(seen.height - SILENT_COMMITS + 1, seen.earliest_height, 1)
    return [driver.signed_header(height) for height in range(seen.height, first - 1, -1)] if seen.height else []


def told(node: str, headers: Sequence[Any], facts: Known) -> Told:
    """Return what signed headers prove. Raise ProofError for one that validators with 2/3 of the power did not sign."""
    return Told(node, [proven(one, _height(one, node), facts.prove, facts.organisations, facts.own_address) for one in headers])


def _height(header: Any, node: str) -> int:
    try:
        return int(header["header"]["height"])
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise InputError("is no signed header", where=node, hint="nodeops backup witness on a node of another member") from error


def read_witness(path: Path, facts: Known) -> Told:
    """Return what another member's node showed: the answer of `nodeops backup witness --json`. Raise InputError or ProofError."""
    hint = "nodeops backup witness --json > FILE, on a node of another member"
    try:
        with path.open("rb") as file:
            body = json.loads(file.read(_MAX_WITNESS_BYTES))
        node, headers = str(body["node"]), body["headers"]
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint=hint) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError("is no answer of a witness", where=str(path), hint=hint) from error
    if not isinstance(headers, list):
        raise InputError("is no answer of a witness", where=str(path), hint=hint)
    return told(node, headers, facts)
