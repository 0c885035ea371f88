"""Taking back what a program computed that is not the chain's: when, by which words, and what is never left stopped."""

from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.host.units import systemd, undo_timer
from nodeops.ledger.node.rejoin import Part
from nodeops.lifecycle import recompute
from tests.contract.rules.tree import ROOT

WRONG = '{"level":"error","err":"wrong Block.Header.AppHash.  Expected 1C, got 2D","message":"CONSENSUS FAILURE!!!"}\n'
FINE = '{"level":"info","message":"committed state"}\n'


class Host:
    """A node of ledgerd with a log; what was done is noted in order."""

    def __init__(self, folder: Path) -> None:
        self.done: list[str] = []
        self.fails = False
        self.log = folder / "ledger.log"
        made = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
        paths = {**made.ledger.paths, "log": str(self.log)}
        self.document: NodeDocument = made.model_copy(update={"ledger": made.ledger.model_copy(update={"paths": paths})})

    def run(self, words: list[str], **_: object) -> None:
        self.done.append(" ".join(words[words.index(self.document.ledger.paths["binary"]) + 1 :]))
        assert "--property=User=ledger" in words
        if self.fails:
            raise HostError("left with code 1: resource temporarily unavailable", where="systemd-run")

    def other(self, platform: str) -> NodeDocument:
        return self.document.model_copy(update={"ledger": self.document.ledger.model_copy(update={"platform": platform})})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(recompute, "run", made.run)
    monkeypatch.setattr(systemd, "systemctl", lambda *words: made.done.append(words[0]))
    monkeypatch.setattr(undo_timer, "clear", lambda _: None)
    monkeypatch.setattr(undo_timer, "arm", lambda *_: made.done.append("armed"))
    monkeypatch.setattr(undo_timer, "disarm", lambda _: made.done.append("disarmed"))
    monkeypatch.setattr(recompute, "part_taken", lambda _: None)
    return made


def test_the_program_takes_it_back_while_the_ledger_is_stopped(host: Host) -> None:
    recompute.take_back(host.document, lambda _: None)
    assert host.done == ["armed", "stop", "rollback --home /var/lib/ledger", "disarmed"]


def test_a_ledger_whose_program_cannot_is_started_again(host: Host) -> None:
    host.fails = True
    with pytest.raises(HostError, match="temporarily unavailable"):
        recompute.take_back(host.document, lambda _: None)
    assert host.done == ["armed", "stop", "rollback --home /var/lib/ledger", "start", "disarmed"]


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


@pytest.mark.parametrize(("text", "since", "said"), LOGS.values(), ids=LOGS)
def test_what_the_log_says_of_a_state(host: Host, text: str, since: int | None, said: bool) -> None:
    host.log.write_text(text)
    assert recompute.disputed(host.document, since) is said
    assert recompute.disputed(host.other("cometbft"), since) is False


def test_no_log_says_nothing(host: Host) -> None:
    assert (recompute.disputed(host.document), recompute.log_size(host.document)) == (False, 0)


def test_only_a_node_that_takes_no_part_is_stuck(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever proposes can bring a node to log it: who takes part has the chain's state."""
    host.log.write_text(WRONG)
    assert recompute.stuck(host.document)
    recompute.require_useful(host.document)
    monkeypatch.setattr(recompute, "part_taken", lambda _: Part(7, votes=False))
    assert not recompute.stuck(host.document)
    with pytest.raises(Refused, match="its state is the chain's"):
        recompute.require_useful(host.document)


def test_a_platform_that_cannot_says_so(host: Host) -> None:
    with pytest.raises(InputError, match="cannot take the state of a block back"):
        recompute.require_useful(host.other("cometbft"))
