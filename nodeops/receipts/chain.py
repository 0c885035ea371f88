"""The form of receipts: one JSON line each, holding the SHA-256 of the line before, so none can be changed or left out. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, get_args

from nodeops.core.digest import canonical, sha256
from nodeops.core.errors import HostError
from nodeops.core.printable import shown

State = Literal["intent", "done", "aborted"]

VERSION = 1
NOTHING = "0" * 64
# A line holds names, five numbers and four digests: about 900 bytes. A longer one was not written by us.
LONGEST_LINE = 4096
# What one crash can leave behind the last whole line: the lines of one append.
_TORN_BYTES = 64 * LONGEST_LINE
_MOST_PROBLEMS = 100


class Head(NamedTuple):
    """The last receipt of a chain: its sequence number, counted from 1, and the SHA-256 of its line without the newline."""

    sequence: int
    digest: str


START = Head(0, NOTHING)


@dataclass(frozen=True)
class Receipt:
    """What is said of one segment's removal: that it will be removed (intent), was (done) or was not (aborted).

    `intent` is the sequence number of the intent that this one settles, its own for an intent. `free_before` and `free_after`
    are the bytes that a process without privileges could still use on the segment's filesystem; None where nobody looked.
    `torn_bytes` and `torn_sha256` name what a crash left of an append between the line before and this one.
    """

    sequence: int
    previous: str
    time: float
    host: str
    state: State
    intent: int
    folder: str
    name: str
    stream: str
    start: int
    end: int
    size: int
    plain: str
    stored: str
    rule: str
    stage: str
    free_before: int | None = None
    free_after: int | None = None
    note: str = ""
    torn_bytes: int = 0
    torn_sha256: str = ""
    version: int = VERSION


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys((entry.name for entry in fields(Receipt)), (str,)),
    **dict.fromkeys(("sequence", "intent", "start", "end", "size", "torn_bytes", "version"), (int,)),
    **dict.fromkeys(("free_before", "free_after"), (int, type(None))),
    "time": (int, float),
}


def line_of(receipt: Receipt) -> bytes:
    """Return the line of a receipt, without its newline."""
    return canonical(asdict(receipt))


def receipt_of(line: bytes) -> Receipt | None:
    """Return the receipt that a line holds; None for anything that is not exactly one of ours."""
    try:
        data: Any = json.loads(line)
        ours = isinstance(data, dict) and data.keys() == _TYPES.keys() and canonical(data) == line
    except (ValueError, RecursionError):
        return None
    if not ours or data["state"] not in get_args(State):
        return None
    right = all(isinstance(data[name], kinds) and not isinstance(data[name], bool) for name, kinds in _TYPES.items())
    return Receipt(**data) if right else None


def settled(intent: Receipt, state: State, note: str = "", free_after: int | None = None) -> Receipt:
    """Return what became of an intent; sequence, time and chain are filled in when it is written."""
    return replace(intent, state=state, note=shown(note), free_after=free_after, torn_bytes=0, torn_sha256="")


@dataclass
class Reader:
    """Follows a chain line by line. `problems` are sentences; empty when the chain is whole. `unsettled` maps open intents.

    Bytes that are no receipt (`junk`) are allowed only where the next receipt names them, by number and SHA-256, as torn by a
    crash, or as an unfinished line at the very end. `without_newline` says that only the newline of the last line is missing.
    """

    head: Head = START
    problems: list[str] = field(default_factory=list)
    unsettled: dict[int, Receipt] = field(default_factory=dict)
    junk: bytearray = field(default_factory=bytearray)
    without_newline: bool = False
    _intending: bool = False

    def take(self, piece: bytes) -> None:
        """Take the next piece of the file: a line with its newline, or a part of one that is too long or unfinished."""
        if self.without_newline and piece == b"\n":
            self.without_newline = False
            return
        line = piece.removesuffix(b"\n")
        receipt = receipt_of(line) if not self.junk or self.junk.endswith(b"\n") else None
        if receipt is None:
            self._keep_junk(piece)
            return
        self._judge(receipt)
        self._follow(receipt)
        self.head, self.without_newline = Head(receipt.sequence, sha256(line)), line == piece
        self.junk.clear()

    def _keep_junk(self, piece: bytes) -> None:
        if len(self.junk) <= _TORN_BYTES:
            self.junk += piece

    def _judge(self, receipt: Receipt) -> None:
        place = f"receipt {receipt.sequence}"
        if receipt.previous != self.head.digest or receipt.sequence != self.head.sequence + 1:
            self._report(f"{place} does not follow receipt {self.head.sequence}: something was changed or taken out")
        torn = bytes(self.junk)
        # The newline that ends what was torn is written together with the receipt that names it.
        named = (
            receipt.torn_bytes == len(torn) - 1 and receipt.torn_sha256 == sha256(torn[:-1]) if torn else not receipt.torn_bytes
        )
        if not named or len(torn) > _TORN_BYTES:
            self._report(f"before {place} are {len(torn)} bytes that are no receipt and that it does not name")

    def _follow(self, receipt: Receipt) -> None:
        """Keep the list of open intents. A new run of intents may begin only when all earlier ones are settled."""
        if receipt.state == "intent":
            if self.unsettled and not self._intending:
                self._report(f"receipt {receipt.sequence} begins anew while {sorted(self.unsettled)} were never settled")
                self.unsettled.clear()
            self.unsettled[receipt.sequence] = receipt
        else:
            self._settle(receipt)
        self._intending = receipt.state == "intent"

    def _settle(self, receipt: Receipt) -> None:
        intent = self.unsettled.pop(receipt.intent, None)
        if intent is None or (intent.folder, intent.name, intent.stored) != (receipt.folder, receipt.name, receipt.stored):
            self._report(f"receipt {receipt.sequence} settles intent {receipt.intent}, which is no open one for {receipt.name}")

    def _report(self, problem: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def finish(self) -> None:
        """Judge the end of the file: an unfinished last line is what a crash leaves; whole lines that are no receipts are not."""
        if self.junk and (self.junk.endswith(b"\n") or len(self.junk) > _TORN_BYTES):
            self._report(f"after receipt {self.head.sequence} are {len(self.junk)} bytes or more that are no receipt")


def read(pieces: Iterable[bytes]) -> Reader:
    """Return the reader of a whole chain, finished."""
    reader = Reader()
    for piece in pieces:
        reader.take(piece)
    reader.finish()
    return reader


def continued(reader: Reader, receipts: Sequence[Receipt], host: str, now: float) -> tuple[list[Receipt], bytes]:
    """Return receipts as they follow what was read so far, and the bytes to append for them.

    A line that a crash left unfinished is ended first and named in the first receipt. Raise HostError for a receipt too long.
    """
    torn, head = bytes(reader.junk), reader.head
    data = b"\n" if receipts and (torn or reader.without_newline) else b""
    written = []
    for receipt in receipts:
        written.append(_next(receipt, head, torn, host, now))
        line = line_of(written[-1])
        if len(line) >= LONGEST_LINE:
            raise HostError(f"a receipt of {len(line)} bytes is too long", allowed=f"fewer than {LONGEST_LINE} bytes")
        data += line + b"\n"
        torn, head = b"", Head(head.sequence + 1, sha256(line))
    return written, data


def _next(receipt: Receipt, head: Head, torn: bytes, host: str, now: float) -> Receipt:
    number = head.sequence + 1
    return replace(
        receipt,
        sequence=number,
        previous=head.digest,
        time=now,
        host=host,
        intent=number if receipt.state == "intent" else receipt.intent,
        torn_bytes=len(torn),
        torn_sha256=sha256(torn) if torn else "",
    )
