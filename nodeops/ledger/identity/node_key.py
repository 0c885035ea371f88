"""Replace the key by which peers know this node, once members agreed to let the one that is here go.

The new key is whole before the old one is touched, and takes its place by one rename; the old one is noted in a book and
overwritten. A run that was killed leaves one of both in place, and the next one ends it. The process that runs has the key that
it was started with until it is restarted.
"""

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from nodeops.core.errors import HostError
from nodeops.core.result import Change
from nodeops.host.files import sync_folder, write_atomic
from nodeops.host.lock import held
from nodeops.ledger.identity.files import FILE_MODE, Layout, clear_errors, read_small, shred
from nodeops.ledger.identity.identity import parse_node_key

# Beside the folder of keys, which holds nothing but keys that count.
NEW, OLD = ".node-key-new", ".node-key-old"
Note = Callable[[Mapping[str, str]], None]


def made_node_key() -> bytes:
    """Return a new node_key.json, as CometBFT writes one (p2p/key.go): the seed and the public key in one value."""
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    value = raw + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return json.dumps({"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(value).decode()}}).encode()


def replace_node_key(at: Layout, old: str, note: Note, *, dry_run: bool = False) -> list[Change]:
    """Give this node another key where its id is `old`, and return what changed. `note` writes into a book what became of it."""
    left = at.home / OLD
    with clear_errors(at.home):
        # A second name of the key in place is what a run that was killed left before it put the new one there.
        begun, now = os.path.lexists(left) and not left.samefile(at.node_key), _id(at.node_key)
    if not begun and now != old:
        return []
    if not dry_run:
        with held(at.home), clear_errors(at.home):
            _replace(at, left, old)
            note({"key": "node key", "old": old, "new": _id(at.node_key)})
            shred(left)
    return [Change(str(at.node_key), "members agreed to know this node by another key", old, "another node key")]


def _replace(at: Layout, left: Path, old: str) -> None:
    """Put the new key in place, and keep the old one at `left`."""
    if _id(at.node_key) != old:
        return
    new = at.home / NEW
    if not _whole(new):
        write_atomic(new, made_node_key(), FILE_MODE, at.root)
    if not os.path.lexists(left):
        os.link(at.node_key, left, follow_symlinks=False)
    new.replace(at.node_key)
    sync_folder(at.keys)
    sync_folder(at.home)


def _whole(file: Path) -> bool:
    try:
        return bool(_id(file))
    except HostError:
        return False


def _id(file: Path) -> str:
    return parse_node_key(read_small(file), str(file))
