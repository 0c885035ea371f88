"""A host of alpha-1 whose own node, and those of other organisations, show a made chain on real sockets, and may lie."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nodeops.document.models import Consortium, NodeDocument
from nodeops.document.resolve import resolve
from nodeops.quorum import leave, others
from nodeops.quorum.policy import Leases, Passage, Request
from tests.unit.ledger.ledgerd_process import CHAIN, consortium
from tests.unit.ledger.linked_chain import Linked
from tests.unit.records.chain import Lie, served

OWNERS = {"alpha-1": "alpha", "alpha-2": "alpha", "beta-1": "beta", "gamma-1": "gamma"}
BESIDE = Request(elsewhere=0)
STEADY = 30


def made(answering: tuple[str, ...]) -> NodeDocument:
    tree = consortium().model_dump(mode="json", exclude_none=True)
    one = {"duty": "validator", "power": 1}
    tree["nodes"] = {
        name: {**one, "organisation": owner, "address": f"192.0.2.{number}", "answers_members": name in answering}
        for number, (name, owner) in enumerate(OWNERS.items(), 1)
    }
    return resolve(Consortium.model_validate(tree), "alpha-1", {})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return what serves the host of alpha-1: its own node's chain and lie, and those of others by name."""

    @contextmanager
    def serve(own: Linked, lie: Lie | None = None, **shown: tuple[Linked, Lie | None] | str) -> Iterator[NodeDocument]:
        document = made(("alpha-2", "beta-1", "gamma-1"))
        with ExitStack() as stack:
            port = stack.enter_context(served(own, lie))
            urls = {
                name.replace("_", "-"): those
                if isinstance(those, str)
                else f"http://127.0.0.1:{stack.enter_context(served(*those))}"
                for name, those in shown.items()
            }
            monkeypatch.setattr(others, "url_of", lambda _, member: urls.get(member.name, "http://127.0.0.1:1"))
            yield at(tmp_path, document, own, port)

    return serve


def at(folder: Path, document: NodeDocument, chain: Linked, port: int) -> NodeDocument:
    genesis = json.loads(chain.genesis())
    for one, name, seat in zip(genesis["validators"], OWNERS, chain.seats, strict=True):
        one |= {"name": name, "address": seat.address}
    (folder / "genesis.json").write_text(json.dumps(genesis))
    rpc = document.ledger.ports["rpc"].model_copy(update={"port": port, "bind": "127.0.0.1"})
    ledger = {
        "ports": {**document.ledger.ports, "rpc": rpc},
        "paths": {**document.ledger.paths, "genesis": str(folder / "genesis.json")},
        "block_seconds": 1.0,
    }
    own = {**document.paths, "trust_state": str(folder / "trust"), "records_state": str(folder / "records")}
    return document.model_copy(update={"paths": own, "ledger": document.ledger.model_copy(update=ledger)})


@pytest.fixture
def network() -> Linked:
    """Return a chain of which all four validated, until gamma-1 was lost ten blocks ago: nobody else may go."""
    return Linked(name=CHAIN).grow(STEADY, newest_at=datetime.now(UTC) - timedelta(seconds=10)).grow(10, silent=(3,))


@pytest.fixture(autouse=True)
def no_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave leases out: they are in test_leased_gate.py, and on a chain."""
    monkeypatch.setattr(leave, "_leases", lambda *_: Leases())
    monkeypatch.setattr(leave, "is_reachable", lambda _: True)


def look(document: NodeDocument, request: Request = BESIDE) -> Passage:
    return leave.look(document, request)


def look_alone(document: NodeDocument) -> Passage:
    """Return what the gate would say by the own node's word alone."""
    return leave.look(document, BESIDE, confirm=())
