"""Real ed25519 keys in the files that CometBFT would make of them, for tests."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nodeops.document.models import Consortium
from nodeops.ledger.identity.identity import Identity, ValidatorKey, address_of

UNUSED_STATE = b'{\n  "height": "0",\n  "round": 0,\n  "step": 0\n}'
USED_STATE = b'{"height": "17", "round": 0, "step": 3, "signature": "c2ln", "signbytes": "AB"}'


def seed_of(name: int | str) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


@cache
def pair(seed: int | str) -> tuple[str, str]:
    """Return the private key (seed and public key, 64 bytes) and the public key in base64; the same seed, the same key."""
    secret = seed_of(seed)
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(secret + public).decode(), base64.b64encode(public).decode()


def node_key_file(seed: int | str) -> bytes:
    return json.dumps({"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": pair(f"node {seed}")[0]}}).encode()


def validator_key_file(seed: int | str) -> bytes:
    private, public = pair(seed)
    body = {
        "address": address_of(public),
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": public},
        "priv_key": {"type": "tendermint/PrivKeyEd25519", "value": private},
    }
    return json.dumps(body, indent=2).encode()


def write_init(folder: Path, seed: int | str) -> None:
    """Write what `cometbft init` leaves that matters: two keys and an unused state."""
    (folder / "config").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "config/node_key.json").write_bytes(node_key_file(seed))
    (folder / "config/priv_validator_key.json").write_bytes(validator_key_file(seed))
    (folder / "data/priv_validator_state.json").write_bytes(UNUSED_STATE)


def identity_of(node: str, organisation: str, seed: int | str | None = None) -> Identity:
    public = pair(node if seed is None else seed)[1]
    node_public = base64.b64decode(pair(f"node {node if seed is None else seed}")[1])
    return Identity(
        node=node,
        organisation=organisation,
        node_id=hashlib.sha256(node_public).hexdigest()[:40],
        validator_key=ValidatorKey(value=public),
        validator_address=address_of(public),
    )


def author_identity(node: str, organisation: str) -> Identity:
    """Return an identity with a key for records."""
    return identity_of(node, organisation).model_copy(update={"record_key": pair(f"record {node}")[1]})


def consortium_of(revision: int = 1, chain: str = "test-1", **powers: int) -> Consortium:
    """Return a consortium of organisations a, b, c...: node a1 belongs to a; power 0 is a witness."""
    nodes = {}
    for number, (name, power) in enumerate(powers.items(), start=1):
        duty = {"duty": "validator", "power": power} if power else {"duty": "witness"}
        nodes[name] = {"organisation": f"org-{name[0]}", "address": f"10.0.0.{number}", **duty}
    organisations: dict[str, object] = {str(node["organisation"]): {} for node in nodes.values()}
    return Consortium.model_validate(
        {
            "consortium": "test",
            "revision": revision,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": chain},
            "organisations": organisations,
            "nodes": nodes,
        }
    )
