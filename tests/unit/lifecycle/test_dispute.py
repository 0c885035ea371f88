"""A node and its chain have different states: the log is a hint, and what a quorum of the network went on with decides."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.ledger.answers import LedgerStatus, Peer
from nodeops.lifecycle import dispute
from tests.contract.rules.tree import ROOT
from tests.unit.ledger.node.test_rejoin import STATUS

WRONG = '{"level":"error","err":"wrong Block.Header.AppHash.  Expected 1C, got 2D","message":"CONSENSUS FAILURE!!!"}\n'
FINE = '{"level":"info","message":"committed state"}\n'
LOGS = {
    "nothing": ("", 0, False),
    "fine": (FINE * 3, 0, False),
    "disputed": (FINE + WRONG + FINE, 0, True),
    "before": (WRONG + FINE, len(WRONG), False),
    "after": (FINE + WRONG, len(FINE), True),
    "the log was sealed since": (WRONG, 10**9, True),
    "lately": (FINE + WRONG, None, True),
    "long ago": (WRONG + FINE * 30_000, None, False),
}


class Network:
    """What a node at height 7 sees of its peers, each look after the other: by number of the member, which height it claims."""

    def __init__(self, document: NodeDocument, looks: Sequence[dict[int, int]], heights: Sequence[int] = (7,)) -> None:
        self.others = [one for one in document.members if one != document.node]
        self.looks, self.heights, self.silent = list(looks), list(heights), False
        self.claims = self.looks[0]

    def status(self) -> LedgerStatus:
        if self.silent:
            raise HostError("does not answer")
        self.claims = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        height = self.heights.pop(0) if len(self.heights) > 1 else self.heights[0]
        return LedgerStatus(**{**vars(STATUS), "height": height})

    def peers(self) -> list[Peer]:
        return [Peer(f"{number}" * 40, self.others[number].address, True, "", "") for number in self.claims]

    def peer_heights(self) -> dict[str, int]:
        return {f"{number}" * 40: height for number, height in self.claims.items()}


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NodeDocument:
    monkeypatch.setattr(dispute, "_LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(dispute, "_LOOK_FOR_SECONDS", 0.05)
    made = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
    paths = {**made.ledger.paths, "log": str(tmp_path / "ledger.log")}
    return made.model_copy(update={"ledger": made.ledger.model_copy(update={"paths": paths})})


@pytest.mark.parametrize(("text", "since", "said"), LOGS.values(), ids=LOGS)
def test_what_the_log_says_of_a_state(document: NodeDocument, text: str, since: int | None, said: bool) -> None:
    Path(document.ledger.paths["log"]).write_text(text)
    assert dispute.disputed(document, since) is said
    other = document.model_copy(update={"ledger": document.ledger.model_copy(update={"platform": "cometbft"})})
    assert dispute.disputed(other, since) is False


def test_no_log_says_nothing(document: NodeDocument) -> None:
    assert (dispute.disputed(document), dispute.log_size(document)) == (False, 0)


def everybody(height: int) -> dict[int, int]:
    return dict.fromkeys(range(6), height)


# Seven validators of power 1: a quorum is five. Peers by number, look by look; this node's heights, look by look.
DISPUTES = {
    "a quorum went on": ([everybody(9)], [7], True),
    "exactly a quorum": ([dict.fromkeys(range(5), 8)], [7], True),
    "one less": ([dict.fromkeys(range(4), 8)], [7], False),
    "seen one after the other": ([{0: 8, 1: 8}, {2: 8}, {}, {3: 9, 4: 9}], [7], True),
    "the chain stands": ([everybody(7)], [7], False),
    "nobody is there": ([{}], [7], False),
    "it goes on itself": ([{0: 8, 1: 8}, {2: 9, 3: 9}, {4: 10, 5: 10}, everybody(10)], [7, 8, 9, 10], False),
}


@pytest.mark.parametrize(("looks", "heights", "wrong"), DISPUTES.values(), ids=DISPUTES)
def test_a_quorum_decides_and_the_log_is_a_hint(
    document: NodeDocument, monkeypatch: pytest.MonkeyPatch, looks: list[dict[int, int]], heights: list[int], wrong: bool
) -> None:
    assert sum(one.power for one in document.members) == 7
    monkeypatch.setattr(dispute, "driver_for", lambda _: Network(document, looks, heights))
    for text, hinted in ((WRONG, True), (FINE, False)):
        Path(document.ledger.paths["log"]).write_text(text)
        assert dispute.outvoted(document) is (wrong and hinted)


def test_who_is_no_member_and_who_does_not_answer_decide_nothing(document: NodeDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(document.ledger.paths["log"]).write_text(WRONG)
    strangers, silent = Network(document, [everybody(9)]), Network(document, [everybody(9)])
    strangers.others = [one.model_copy(update={"address": "192.0.2.1"}) for one in strangers.others]
    silent.silent = True
    for network in (strangers, silent):
        monkeypatch.setattr(dispute, "driver_for", lambda _, network=network: network)
        assert not dispute.outvoted(document)
