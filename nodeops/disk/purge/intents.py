"""What a purge promises before it removes a segment. Pure."""

from nodeops.core.printable import shown
from nodeops.logstore.naming import Segment
from nodeops.receipts.chain import Receipt


def intent_of(segment: Segment, folder: str, rule: str, stage: str, free_before: int) -> Receipt:
    """Return the intent to remove a segment; number, time, host and chain are filled in when it is written."""
    return Receipt(
        sequence=0,
        previous="",
        time=0.0,
        host="",
        state="intent",
        intent=0,
        folder=folder,
        name=segment.name,
        stream=segment.stream,
        start=segment.start,
        end=segment.end,
        size=segment.size,
        plain=segment.plain,
        stored=segment.stored,
        rule=shown(rule),
        stage=stage,
        free_before=free_before,
    )
