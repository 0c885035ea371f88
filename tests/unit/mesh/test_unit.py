"""What the prober's unit does at each look at the ledger's connections, and where the kernel shows none."""

import errno
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.mesh import status, tcp, unit
from nodeops.mesh.carried import Connection
from nodeops.mesh.keys import Shared
from nodeops.mesh.prober import SELF, Peer, Refused
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
