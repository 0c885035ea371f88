"""Transactions that a member signs. The seed of each made-up key is the SHA-256 of its name."""

import base64
import hashlib
import json
from typing import Any

import hosts
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nodeops.ledger.cosmos.messages import Member, Packed, propose, update_members
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import Signer, sign

CHAIN = "governed-1"
# An application of beta that signs records.
BILLING = "record billing"
# The policy has number 0, organisations follow by name, then keys for records by organisation and name.
NUMBERS = {"alpha": 1, "beta": 2, "gamma": 3, BILLING: 7}


def _private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def key(name: str) -> SigningKey:
    return SigningKey(_private(name))


def pem(name: str) -> bytes:
    return _private(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def address(name: str) -> str:
    return key(name).address


def removal_of(gone: str) -> Packed:
    """A weight of 0 removes."""
    return update_members((Member(address(gone), "0"),))


def proposal(who: str, content: Packed) -> Packed:
    return propose(address(who), (content,), "", "title", "summary")


def transaction(who: str, sequence: int, *contents: Packed) -> bytes:
    """Return a signed transaction without a fee."""
    return sign(contents, [Signer(key(who), NUMBERS[who], sequence)], CHAIN)


# RPC broadcast_tx_commit would give up after ten seconds; so it is handed in, and looked for.
_SENT = """
import json, sys, time, urllib.error, urllib.request
def ask(path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:26657/" + path, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
checked = ask("broadcast_tx_sync?tx=0x" + sys.argv[1])["result"]
found, until = {}, time.monotonic() + 300
while not checked["code"] and not found and time.monotonic() < until:
    found = ask("tx?hash=0x" + checked["hash"]).get("result", {})
    time.sleep(0 if found else 0.2)
print(json.dumps({"check_tx": checked, **found}))
"""


def sent(node: str, raw: bytes) -> Any:
    """Hand a transaction to a node, wait for its block, and return what came of it."""
    return json.loads(hosts.script(node, _SENT, raw.hex()))


def catch_up(node: str, height: int | str) -> None:
    """Wait until a node has a block: what one node shows, another may show a moment later."""
    hosts.verb(node, "ledger", "wait", "--height", str(height), "--timeout", "300")


def asked(node: str, path: str, question: bytes = b"") -> bytes:
    """Return the newest state under a path of the application's queries (RPC abci_query)."""
    url = f'http://127.0.0.1:26657/abci_query?path="{path}"&data=0x{question.hex()}'
    text = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=30).read().decode())"
    found = json.loads(hosts.script(node, text, url))["result"]["response"]
    assert found.get("code", 0) == 0, found
    return base64.b64decode(found["value"] or "")
