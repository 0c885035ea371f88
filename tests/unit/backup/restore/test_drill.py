"""A drill that comes to no end: whatever ended it is written down, and the last good one does not stand as if none was tried."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.backup.drilled import last_drill
from nodeops.backup.restic import Restic
from nodeops.backup.restore import drill as drills
from nodeops.backup.restore import receipt
from nodeops.backup.state import read_drill, write_drill
from nodeops.core.errors import HostError, InputError, NodeopsError, Refused
from nodeops.document.models import NodeDocument
from nodeops.host.lock import held
from nodeops.receipts.book import opened
from tests.unit.firewall.samples import document

LONG_AGO = 1.8e9


@pytest.fixture
def node(tmp_path: Path) -> NodeDocument:
    """Return a host whose last drill passed."""
    found = document()
    paths = {**found.paths, "backup_state": str(tmp_path / "state"), "backup_scratch": str(tmp_path / "scratch")}
    made = found.model_copy(update={"paths": paths})
    receipt.drilled(made, "good", 17, "passed", passed=True)
    write_drill(made, LONG_AGO, passed=True)
    return made


def raising(error: BaseException) -> Callable[[], Restic]:
    def engine() -> Restic:
        raise error

    return engine


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (HostError("does not answer", where="repository"), "failed: repository: does not answer"),
        (InputError("is not a setting"), "failed: is not a setting"),
        (Refused("no room\nat all"), "failed: no room"),
        (KeyError("total_size"), "failed: KeyError: 'total_size'"),
        (OSError(28, "No space left on device"), "failed: OSError: [Errno 28] No space left on device"),
        # `systemctl stop`, or the unit's time is over.
        (SystemExit(143), "failed: SystemExit: 143"),
        (KeyboardInterrupt(), "failed: KeyboardInterrupt"),
        (HostError("x" * 9000), "failed: xxx"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else "",
)
def test_whatever_ends_a_drill_is_written_down_as_failed_and_raised(node: NodeDocument, error: BaseException, words: str) -> None:
    with pytest.raises(type(error)) as raised:
        drills.drill(node, raising(error))
    assert raised.value is error
    at, passed = read_drill(node) or (0.0, True)
    assert at != LONG_AGO and not passed
    last = last_drill(node)
    assert last is not None and not last["passed"] and last["note"].startswith(words)


def test_a_folder_that_cannot_be_made_is_a_failed_drill(node: NodeDocument) -> None:
    Path(node.paths["backup_scratch"]).touch()
    with pytest.raises(HostError, match="cannot be made"):
        drills.drill(node, raising(AssertionError()))
    assert (read_drill(node) or (0, True))[1] is False


def test_one_that_is_refused_because_another_is_at_work_says_nothing_of_the_backup(node: NodeDocument) -> None:
    scratch = Path(node.paths["backup_scratch"])
    scratch.mkdir()
    with held(scratch), pytest.raises(Refused, match="another nodeops"):
        drills.drill(node, raising(AssertionError()))
    assert read_drill(node) == (LONG_AGO, True)


def test_a_book_that_cannot_be_written_hides_neither_the_failure_nor_its_cause(node: NodeDocument) -> None:
    (Path(node.paths["backup_state"]) / "receipts.jsonl").chmod(0o666)
    with pytest.raises(NodeopsError, match="does not answer"):
        drills.drill(node, raising(HostError("does not answer")))
    assert (read_drill(node) or (0, True))[1] is False


def test_a_state_that_cannot_be_written_does_not_hide_the_cause(node: NodeDocument, tmp_path: Path) -> None:
    nowhere = node.model_copy(update={"paths": {**node.paths, "backup_state": str(tmp_path / "none/state")}})
    with pytest.raises(NodeopsError, match="does not answer"):
        drills.drill(nowhere, raising(HostError("does not answer")))


def test_a_drill_that_passed_and_could_not_be_written_down_counts_as_failed(
    node: NodeDocument, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(node.paths["backup_state"]) / "receipts.jsonl").chmod(0o666)
    monkeypatch.setattr(drills, "_restored", lambda *_: "done")
    monkeypatch.setattr(drills, "_write_down", lambda made, _: receipt.drilled(made, "x", 1, "passed", passed=True))
    with pytest.raises(NodeopsError):
        drills.drill(node, lambda: None)  # type: ignore[arg-type, return-value]
    assert (read_drill(node) or (0, True))[1] is False


@pytest.mark.parametrize(("stream", "written"), [("drill", True), ("restore", False)])
def test_a_restore_that_is_under_way_has_the_last_word_in_the_book_and_a_drill_that_was_killed_has_not(
    node: NodeDocument, stream: str, written: bool
) -> None:
    with opened(receipt.book_of(node), node.node.name) as book:
        book.intend([receipt._receipt(node, stream, 1, 1, "")])
    with pytest.raises(HostError):
        drills.drill(node, raising(HostError("does not answer")))
    last = last_drill(node)
    assert last is not None and (last["note"] == "failed: does not answer") is written
    assert (read_drill(node) or (0, True))[1] is False
