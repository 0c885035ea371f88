"""What the ledger must show after a change of the rules: as many peers as before, within reach, and a height that moves.

A host that runs no ledger has nothing to show besides the new login, which is asked for everywhere.
"""

import json
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from nodeops.core.errors import NodeopsError, Timeout
from nodeops.document.models import HostDocument, NodeDocument
from nodeops.host.files import write_atomic
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.rejoin import moving_height

_FILE = "before.json"
_DIAL_SECONDS = 3.0


@dataclass(frozen=True)
class Before:
    """The ledger before the change: addresses of its peers, and its height, None when it did not move or not answer; and which
    ends of those peers, address and port, could be connected to."""

    peers: Sequence[str] = ()
    height: int | None = None
    ends: Sequence[tuple[str, int]] = ()


def remember(document: HostDocument, folder: Path) -> Before:
    """Write down and return how the ledger does now. One that does not answer has nothing to prove afterwards."""
    before = _before(document) if isinstance(document, NodeDocument) else Before()
    write_atomic(folder / _FILE, json.dumps(asdict(before)).encode(), 0o600)
    return before


def _before(document: NodeDocument) -> Before:
    try:
        peers = sorted(peer.address for peer in driver_for(document).peers())
    except NodeopsError:
        peers = []
    # A peer that lets nobody connect, and only comes itself, proves nothing afterwards: no member may be in the way of our rules.
    ends = [end for end, reached in _dialled(_ends(document, peers)) if reached]
    return Before(peers, moving_height(document), ends)


def recalled(folder: Path) -> Before:
    """Return what was remembered; nothing when it was not."""
    try:
        found = Before(**json.loads((folder / _FILE).read_bytes()))
        return replace(found, ends=[(str(address), int(port)) for address, port in found.ends])
    except (OSError, ValueError, TypeError):
        return Before()


def require_proof(document: HostDocument, before: Before) -> None:
    """Raise Timeout while the ledger does not show yet that it is as well connected as before, with what is missing."""
    missing = [*_height(document, before), *_peers(document, before)] if isinstance(document, NodeDocument) else []
    if missing:
        hint = "try again while the change is on trial; when its time is over it is undone"
        raise Timeout("; ".join(missing), where="firewall", hint=hint)


def _height(document: NodeDocument, before: Before) -> Iterator[str]:
    if before.height is None:
        return
    try:
        height = driver_for(document).status().height
    except NodeopsError as error:
        yield f"the ledger does not answer: {error.what}"
        return
    if height <= before.height:
        yield f"the ledger is still at height {before.height}"


def _peers(document: NodeDocument, before: Before) -> Iterator[str]:
    if not before.peers:
        return
    try:
        now = len(driver_for(document).peers())
    except NodeopsError as error:
        yield f"the ledger does not say who its peers are: {error.what}"
        return
    if now < len(before.peers):
        yield f"{now} peers, there were {len(before.peers)}"
    for (address, port), reached in _dialled(before.ends):
        if not reached:
            yield f"no new connection to peer {address} port {port}"


def _ends(document: NodeDocument, peers: Sequence[str]) -> list[tuple[str, int]]:
    ports = [port.port for port in document.ledger.ports.values() if port.scope == "members"]
    return [(address, port) for address in sorted(set(peers)) for port in ports]


def _dialled(ends: Sequence[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], bool]]:
    """Yield who can be connected to anew: an established flow lives on where a new one is refused."""
    with ThreadPoolExecutor(max(1, min(16, len(ends)))) as pool:
        yield from zip(ends, pool.map(_reaches, ends), strict=True)


def _reaches(end: tuple[str, int]) -> bool:
    try:
        socket.create_connection(end, _DIAL_SECONDS).close()
    except OSError:
        return False
    return True
