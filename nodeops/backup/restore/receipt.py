"""What is written into the book of receipts: why a key was put back, which refusals words took away, and how a drill went."""

import time
from dataclasses import replace
from pathlib import Path

from nodeops.backup.drilled import STREAM
from nodeops.backup.restore.plan import Decision, Facts
from nodeops.backup.state import write_drill
from nodeops.core.printable import printable
from nodeops.document.models import NodeDocument
from nodeops.receipts.book import Book, opened
from nodeops.receipts.chain import Receipt, settled

_BOOK = "receipts.jsonl"
_FOLDER_MODE = 0o755
# A line of the book holds 4096 bytes; a character may take six of them.
_NOTE_CHARACTERS = 400


def book_of(document: NodeDocument) -> Path:
    """Return the file of receipts; its folder is made when it is missing."""
    folder = Path(document.paths["backup_state"])
    folder.mkdir(_FOLDER_MODE, exist_ok=True)
    return folder / _BOOK


def begin(document: NodeDocument, facts: Facts, decision: Decision, because: str) -> None:
    """Write down that a key will be used, before it is. Raise as the book does: then it may not be used."""
    words = f"because: {because}" if decision.overridden else "nothing was overridden"
    note = f"{', '.join(decision.overridden) or 'no refusal'}; {words}"
    with opened(book_of(document), document.node.name) as book:
        _abort(book, "interrupted, begun anew")
        book.intend([_receipt(document, "restore", facts.tip, decision.state.height, note)])


def end(document: NodeDocument, decision: Decision | None) -> None:
    """Write down that the validator signs. Without a decision, an earlier run made it."""
    with opened(book_of(document), document.node.name) as book:
        note = "the validator signs" if decision else "the validator signs; an earlier run was interrupted"
        book.append([settled(intent, "done", note) for intent in book.reader.unsettled.values()])


def drilled(document: NodeDocument, snapshot: str, height: int, note: str, passed: bool) -> None:
    """Write down how a drill went, in the book too unless a restore is under way. Raise OSError, or as the book does.

    What monitors see comes first: a book that cannot be written must not keep it back.
    """
    file = book_of(document)
    write_drill(document, time.time(), passed)
    with opened(file, document.node.name) as book:
        if any(one.stream != STREAM for one in book.reader.unsettled.values()):
            # A restore is under way: its intent is the last word until it has ended.
            return
        _abort(book, "interrupted while it was written down")
        intent = book.intend([replace(_receipt(document, STREAM, height, height, ""), name=snapshot)])[0]
        book.append([settled(intent, "done" if passed else "aborted", printable(note, _NOTE_CHARACTERS))])


def _abort(book: Book, note: str) -> None:
    book.append([settled(intent, "aborted", note) for intent in book.reader.unsettled.values()])


def _receipt(document: NodeDocument, stream: str, start: int, end_height: int, note: str) -> Receipt:
    """Return an intent. `start` and `end` are heights: the chain's tip, and that of the signing state that is written."""
    paths = document.ledger.paths
    return Receipt(
        sequence=0,
        previous="",
        time=0.0,
        host="",
        state="intent",
        intent=0,
        folder=paths["keys"],
        name=Path(paths["validator_key"]).name,
        stream=stream,
        start=start,
        end=end_height,
        size=0,
        plain="",
        stored="",
        rule=stream,
        stage="",
        note=printable(note, _NOTE_CHARACTERS),
    )
