"""Be the prober: what the unit nodeops-mesh runs. Keys come as credentials, addresses from the node document."""

import json
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from nodeops.core.errors import HostError, InputError
from nodeops.document.models import NodeDocument
from nodeops.host.units.notify import notify
from nodeops.mesh import keys, status, tcp
from nodeops.mesh.carried import Growth, between, of_ledger
from nodeops.mesh.prober import SELF, Peer, Prober, open_sockets, warn
from nodeops.mesh.ring import peers

UNIT = "nodeops-mesh.service"
_NAMES_SECONDS = 300.0
_LOOPBACK = ("127.0.0.1", "::1")


def serve(document: NodeDocument, handed: Path) -> None:
    """Ask and answer until stopped. Raise HostError when the port is taken, InputError for keys that are none."""
    members, missing = known_peers(document, handed)
    port = document.ports["mesh"]
    try:
        sockets = open_sockets(port.bind, port.port, members)
    except OSError as error:
        raise HostError(f"UDP port {port.port} cannot be used: {error.strerror}", where=UNIT) from error
    prober = Prober(members[0].shared.mark, members, sockets, port.port)
    _follow_names(document, prober)
    notify("READY=1")
    prober.run(_Publisher(document, prober, missing).tick)


def known_peers(document: NodeDocument, handed: Path) -> tuple[list[Peer], list[str]]:
    """Return this node and all members whose certificate is known and good, and the names of the others that it should ask."""
    key = keys.private_key((handed / "key.pem").read_bytes(), document.paths["exporter_key"])
    try:
        certificates = json.loads((handed / "peers.json").read_bytes())
    except ValueError as error:
        raise InputError("is not JSON", where=document.paths["mesh_peers"], hint="run site.yml") from error
    own = document.node.name
    asked = peers(own, [member.name for member in document.members])
    shared, refused = keys.shared(key, {name: pem for name, pem in certificates.items() if name != own})
    for name, why in refused.items():
        warn(f"{name} is not asked and not answered: its certificate is refused: {why}")
    addresses = addresses_of(document)
    itself = Peer(SELF, _LOOPBACK, keys.Shared(keys.own_mark(key), os.urandom(32)), asked=True)
    found = [
        Peer(one.name, addresses.get(one.name, ()), shared[one.name], one.name in asked and one.name in addresses)
        for one in document.members
        if one.name in shared
    ]
    return [itself, *found], sorted(set(asked) - set(shared))


def addresses_of(document: NodeDocument) -> dict[str, Sequence[str]]:
    """Return the addresses of all other members; one whose name has none now is left out."""
    found = {one.name: _resolved(one.address) for one in document.members if one.name != document.node.name}
    return {name: addresses for name, addresses in found.items() if addresses}


def _resolved(host: str) -> Sequence[str]:
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return sorted({str(row[4][0]).partition("%")[0] for row in rows}, key=lambda one: (":" in one, one))


def _follow_names(document: NodeDocument, prober: Prober) -> None:
    """Ask for names again now and then, aside: a name service that hangs must not stop the probes."""
    if all(_is_address(member.address) for member in document.members):
        return

    def work() -> None:
        while True:
            time.sleep(_NAMES_SECONDS)
            prober.readdress(addresses_of(document))

    threading.Thread(target=work, name="names", daemon=True).start()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Publisher:
    """Writes what the prober sees, tells the watchdog, and says once when something is refused."""

    def __init__(self, document: NodeDocument, prober: Prober, missing: list[str]):
        self._document, self._prober, self._missing = document, prober, missing
        self._written = 0.0
        self._growth = Growth()
        self._shows_connections = True
        self._said: Mapping[str, int] = dict(vars(prober.refused))

    def tick(self) -> None:
        now = time.monotonic()
        if now - self._written < status.WRITE_SECONDS:
            return
        self._written = now
        self._look_at_the_ledger(now)
        found = status.seen(self._document.node.name, self._prober.peers, self._prober.refused, self._missing)
        status.write(Path(self._document.paths["mesh_status"]), found)
        notify("WATCHDOG=1")
        self._say()

    def _look_at_the_ledger(self, now: float) -> None:
        """Take down what the ledger's own connections carried. A kernel that shows none is asked again, and named once."""
        try:
            found = of_ledger(tcp.established(), self._document.ledger.ports["p2p"].port)
        except OSError as error:
            if self._shows_connections:
                warn(f"the kernel does not show the ledger's connections: {error.strerror or error}")
            self._shows_connections = False
            return
        self._shows_connections = True
        grown = self._growth.since(found)
        for peer in self._prober.peers.values():
            if peer.asked and peer.name != SELF:
                peer.carriage.looked(now, between(found, peer.addresses), grown)

    def _say(self) -> None:
        for reason, count in vars(self._prober.refused).items():
            if count and not self._said[reason]:
                warn(f"packets are refused ({reason}); nodeops metrics show mesh_packets_refused_total counts them")
        self._said = dict(vars(self._prober.refused))
