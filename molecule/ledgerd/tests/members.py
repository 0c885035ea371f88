"""Transactions that a member signs. The seed of each made-up key is the SHA-256 of its name; nothing of nodeops signs yet."""

import base64
import hashlib
import json
from typing import Any

import hosts
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nodeops.ledger.cometbft.protowire import blob, integer, message
from nodeops.ledger.cosmos.address import account_address, policy_address

CHAIN = "governed-1"
# The policy has number 0, organisations follow by name.
NUMBERS = {"alpha": 1, "beta": 2, "gamma": 3}
_DIRECT, _GAS = 1, 400_000
TRY, YES = 1, 1


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return key(name).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def address(name: str) -> str:
    return account_address(base64.b64encode(public(name)).decode())


def typed(url: str, body: bytes) -> bytes:
    """Return a google.protobuf.Any."""
    return blob(1, url.encode()) + blob(2, body)


def coins(amount: int) -> bytes:
    return blob(1, b"upower") + blob(2, str(amount).encode())


def self_send(who: str) -> bytes:
    body = blob(1, address(who).encode()) + blob(2, address(who).encode()) + message(3, coins(1))
    return typed("/cosmos.bank.v1beta1.MsgSend", body)


def removal_of(gone: str, admin: str) -> bytes:
    """cosmos.group.v1.MsgUpdateGroupMembers: a weight of 0 removes."""
    member = blob(1, address(gone).encode()) + blob(2, b"0")
    return typed("/cosmos.group.v1.MsgUpdateGroupMembers", blob(1, admin.encode()) + integer(2, 1) + message(3, member))


def upgrade(authority: str) -> bytes:
    # Field 2 of a plan, its time, is deprecated and still never absent.
    zero = integer(1, -62135596800)
    plan = blob(1, b"next") + message(2, zero) + integer(3, 1_000_000)
    return typed("/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", blob(1, authority.encode()) + message(2, plan))


def proposal(who: str, content: bytes) -> bytes:
    body = blob(1, policy_address().encode()) + blob(2, address(who).encode()) + message(4, content) + integer(5, TRY)
    return typed("/cosmos.group.v1.MsgSubmitProposal", body + blob(6, b"title") + blob(7, b"summary"))


def vote(who: str, number: int) -> bytes:
    body = integer(1, number) + blob(2, address(who).encode()) + integer(3, YES) + integer(5, TRY)
    return typed("/cosmos.group.v1.MsgVote", body)


def transaction(who: str, sequence: int, *contents: bytes) -> bytes:
    """Return a signed transaction without a fee."""
    body = b"".join(message(1, content) for content in contents)
    mode = message(2, message(1, integer(1, _DIRECT)))
    signer = message(1, typed("/cosmos.crypto.ed25519.PubKey", blob(1, public(who)))) + mode + integer(3, sequence)
    auth = message(1, signer) + message(2, integer(2, _GAS))
    signed = blob(1, body) + blob(2, auth) + blob(3, CHAIN.encode()) + integer(4, NUMBERS[who])
    return blob(1, body) + blob(2, auth) + blob(3, key(who).sign(signed))


def sent(node: str, raw: bytes) -> Any:
    """Hand a transaction to a node, wait for its block, and return what came of it (RPC broadcast_tx_commit)."""
    ask = f"http://127.0.0.1:26657/broadcast_tx_commit?tx=0x{raw.hex()}"
    text = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=60).read().decode())"
    return json.loads(hosts.script(node, text, ask))["result"]


def asked(node: str, path: str, question: bytes = b"") -> bytes:
    """Return the newest state under a path of the application's queries (RPC abci_query)."""
    url = f'http://127.0.0.1:26657/abci_query?path="{path}"&data=0x{question.hex()}'
    text = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=30).read().decode())"
    found = json.loads(hosts.script(node, text, url))["result"]["response"]
    assert found.get("code", 0) == 0, found
    return base64.b64decode(found["value"] or "")
