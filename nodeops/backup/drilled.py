"""How the last drill on this host went, as the book of receipts says."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nodeops.document.models import NodeDocument
from nodeops.receipts import book

_FILE = "receipts.jsonl"
# What a drill calls its receipts.
STREAM = "drill"


def last_drill(document: NodeDocument) -> dict[str, Any] | None:
    """Return when the last drill ended, whether it passed, and its own words; None where none was ever written down.

    Raise HostError for a book that cannot be read.
    """
    file = Path(document.paths["backup_state"]) / _FILE
    if not file.exists():
        return None
    ended = [one for one in book.receipts(file) if one.stream == STREAM and one.state in ("done", "aborted")]
    if not ended:
        return None
    last = ended[-1]
    return {"time": datetime.fromtimestamp(last.time, UTC).isoformat(), "passed": last.state == "done", "note": last.note}
