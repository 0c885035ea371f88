"""What is read of drills in the book of receipts."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nodeops.backup.drilled import last_drill
from nodeops.backup.policy import Last
from nodeops.backup.standing import standing
from nodeops.backup.state import Remembered, write_state
from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from nodeops.receipts.book import opened
from nodeops.receipts.chain import Receipt, settled
from tests.contract.rules.tree import ROOT

FIELDS = {"sequence": 0, "previous": "", "time": 0.0, "host": "", "state": "intent", "intent": 0, "folder": "/x", "name": "n"}
INTENT = Receipt(**FIELDS, stream="drill", start=1, end=1, size=0, plain="", stored="", rule="drill", stage="", note="")


@pytest.fixture
def document(tmp_path):
    found = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})
    return found.model_copy(update={"paths": {**found.paths, "backup_state": str(tmp_path)}})


def write(document, stream, state, note):
    with opened(Path(document.paths["backup_state"]) / "receipts.jsonl", "cu-1") as book:
        (intent,) = book.intend([replace(INTENT, stream=stream)])
        book.append([settled(intent, state, note)])


@pytest.mark.parametrize(
    ("configured", "error", "drills", "word"),
    [
        (False, "", [], "none"),
        (True, "down", [], "failed"),
        (True, "", [], "fine"),
        (True, "", ["done"], "drilled"),
        (True, "", ["done", "aborted"], "drill failed"),
        (True, "down", ["done"], "failed"),
    ],
)
def test_how_backups_stand_in_a_word(document, tmp_path, configured, error, drills, word):
    document = document.model_copy(update={"paths": {**document.paths, "etc": str(tmp_path)}})
    if configured:
        (tmp_path / "backup.env").touch()
    write_state(document, Remembered(Last("x", datetime.now(UTC), 1, 1, 1.0), None, error))
    for state in drills:
        write(document, "drill", state, "so it went")
    assert standing(document)[0] == word


def test_the_last_one_that_ended_counts(document):
    assert last_drill(document) is None
    write(document, "restore", "done", "the validator signs")
    assert last_drill(document) is None
    write(document, "drill", "done", "passed; back in 3 s")
    write(document, "drill", "aborted", "failed: genesis")
    write(document, "restore", "done", "the validator signs")
    found = last_drill(document)
    assert (found["passed"], found["note"], found["time"][:2]) == (False, "failed: genesis", "20")
