"""Open a follower of this host's chain: its genesis, its own node, and a file of the blocks that were followed before.

The file saves time and is believed in nothing: it holds blocks with their signatures, which are verified from the genesis each
time. It may be copied to another host of the same chain, and may be deleted at any time.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.document.models import NodeDocument
from nodeops.host.files import write_atomic
from nodeops.ledger.answers import Validator
from nodeops.ledger.cometbft.answers import validator_address
from nodeops.ledger.cometbft.follow import Follower, LightBlock, Source, light_block
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cometbft.trust import TrustedSet, trusted_set

_MAX_GENESIS_BYTES = 16 << 20
_MAX_KEPT_BYTES = 16 << 20
_SCHEMA = 1
_HINT = "run ansible-playbook site.yml from the controller: proofs are checked against this host's genesis"


def open_follower(document: NodeDocument, source: Source) -> Follower:
    """Return who follows this host's chain through a node. Raise HostError without a genesis.

    What is followed is kept for the next time where this process may write; elsewhere it is followed anew each time.
    """
    genesis = own_genesis(document)
    file = Path(document.paths["trust_state"]) / f"{genesis.chain}.json"
    return Follower(genesis, source, load(file, genesis.chain), lambda blocks: save(file, genesis.chain, blocks))


def own_genesis(document: NodeDocument) -> TrustedSet:
    """Return the validators that this host's genesis vouches for. Raise HostError without a genesis."""
    return trusted_set(read_genesis(document), document.ledger.chain, document.ledger.paths["genesis"])


def read_genesis(document: NodeDocument) -> bytes:
    """Return the content of this host's genesis. Raise HostError without one."""
    path = Path(document.ledger.paths["genesis"])
    try:
        with path.open("rb") as file:
            return file.read(_MAX_GENESIS_BYTES)
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path), hint=_HINT) from error


def load(file: Path, chain: str) -> list[LightBlock]:
    """Return the blocks in a file, not verified yet. A file that is missing, too large or of another form has none."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_KEPT_BYTES + 1)
        content = json.loads(data) if len(data) <= _MAX_KEPT_BYTES else {}
        if content["schema"] != _SCHEMA or content["chain"] != chain:
            return []
        return [
            light_block(one["signed_header"], chain, [_validator(two) for two in one["validators"]]) for one in content["blocks"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, ProofError):
        return []


def _validator(content: Any) -> Validator:
    key, power = base64.b64decode(content["key"], validate=True), int(content["power"])
    return Validator(validator_address(key), key, power)


def save(file: Path, chain: str, blocks: Sequence[LightBlock]) -> None:
    """Keep blocks for the next time; where that is not possible, nothing is said: it costs time, and nothing else."""
    content = {"schema": _SCHEMA, "chain": chain, "blocks": [_content(block) for block in blocks]}
    data = json.dumps(content, separators=(",", ":")).encode()
    # A node may send more with a header than belongs to it.
    if len(data) > _MAX_KEPT_BYTES:
        return
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomic(file, data, 0o600)
    except (OSError, HostError):
        return


def _content(block: LightBlock) -> dict[str, Any]:
    validators = [{"key": base64.b64encode(one.public_key).decode(), "power": one.power} for one in block.validators.validators]
    return {"signed_header": block.raw, "validators": validators}
