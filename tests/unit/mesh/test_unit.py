"""What the prober's unit does at each look at the ledger's connections, and where the kernel shows none."""

import errno
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from nodeops.exporter.certificates import key_text, new_key, self_signed
from nodeops.mesh import status, tcp, unit
from nodeops.mesh.carried import Connection
from nodeops.mesh.keys import Shared
from nodeops.mesh.prober import SELF, Peer, Refused
from tests.unit.exporter.strange import strange
from tests.unit.firewall.samples import document


def peer(name: str, address: str) -> Peer:
    return Peer(name, (address,), Shared(b"m" * 8, b"k" * 32), asked=True)


def test_a_kernel_that_fails_once_is_asked_again_named_once_and_nothing_old_is_shown_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = document()
    node = node.model_copy(update={"paths": {**node.paths, "mesh_status": str(tmp_path / "mesh.json")}})
    port, now = node.ledger.ports["p2p"].port, 1000.0
    peers = {one.name: one for one in (peer(SELF, "127.0.0.1"), peer("b", "10.0.0.2"))}
    publisher = unit._Publisher(node, SimpleNamespace(peers=peers, refused=Refused()), [])  # type: ignore[arg-type]
    clock = SimpleNamespace(monotonic=lambda: now, clock_gettime=time.clock_gettime, CLOCK_BOOTTIME=time.CLOCK_BOOTTIME)
    for module in (unit, status):
        monkeypatch.setattr(module, "time", clock)

    def look(answer: list[Connection] | OSError) -> object:
        nonlocal now

        def established() -> list[Connection]:
            if isinstance(answer, OSError):
                raise answer
            return answer

        now += status.WRITE_SECONDS
        monkeypatch.setattr(tcp, "established", established)
        publisher.tick()
        found = status.read(Path(node.paths["mesh_status"])).paths["b"].ledger
        return found and found.segments

    def carrying(segments: int) -> list[Connection]:
        return [Connection(1, port, 40000, "10.0.0.2", 1500, segments, 0)]

    broken = OSError(errno.ENOENT, "no such module")
    looks: list[list[Connection] | OSError] = [carrying(5), carrying(9), broken, broken, broken, carrying(20), broken]
    assert [look(one) for one in looks] == [0, 4, 4, 4, None, 15, 15]
    assert capsys.readouterr().err.count("no such module") == 2


def handed(folder: Path, **strange_ones: bytes) -> Path:
    """Write what systemd hands to the prober of a-1: its key, and the certificates of a-2 and b-1 or what stands for them."""
    key, now = new_key(), datetime.now(UTC)
    good = {
        "a-1": self_signed("a-1", "10.0.0.1", key, now),
        "a-2": self_signed("a-2", "10.0.0.2", new_key(), now),
        "b-1": self_signed("b-1", "2001:db8::1", new_key(), now),
    }
    found = {**good, **{name.replace("_", "-"): pem for name, pem in strange_ones.items()}}
    (folder / "key.pem").write_bytes(key_text(key))
    (folder / "peers.json").write_text(json.dumps({name: pem.decode() for name, pem in found.items()}))
    return folder


def test_one_bad_certificate_of_a_member_stops_no_prober(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = strange("b-1", "2001:db8::1", rsa.generate_private_key(65537, 2048))
    found, missing = unit.known_peers(document(), handed(tmp_path, b_1=bad))
    assert [one.name for one in found] == [SELF, "a-2"]
    # b-2 has published none; both are shown as `no certificate`.
    assert missing == ["b-1", "b-2"]
    assert "b-1 is not asked and not answered: its certificate is refused: its key is of another kind" in capsys.readouterr().err
