"""What a record looks like on the ledger, which version of it counts, and how a file stands against it. Pure.

A transaction is `<space>/<name>=<value>`: the name percent-encoded and the value in base64url without padding, because
the key-value application takes a transaction with exactly one `=` and no `:` (abci/example/kvstore, isValidTx).
"""

import base64
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol
from urllib.parse import quote

from pydantic import Field, ValidationError

from nodeops.core.digest import canonical
from nodeops.core.errors import InputError
from nodeops.document.fields import Name
from nodeops.document.models import Model
from nodeops.ledger.cometbft.proof import ProvenBlock, ProvenTransaction

RECORD_SPACE = "record"
# A search query has at most 512 characters (CometBFT rpc/core/events.go), of which ours needs 10 around the key.
MAX_KEY_LENGTH = 400
# Ten times a record. What is larger is no version of anything and is not kept, whoever wrote it.
MAX_TRANSACTION_BYTES = 8_192
_MAX_SIZE = (1 << 63) - 1
_KEY = re.compile(r"[a-z]+/[A-Za-z0-9_.~%-]+", re.ASCII)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_HASH_PATTERN = r"^[0-9a-f]{64}$"


def one_spelling(name: str) -> str:
    """Return the composed form (Unicode NFC) of a name."""
    return unicodedata.normalize("NFC", name)


def ledger_key(space: str, name: str) -> str:
    """Return the key of a name within a space (such as 'record'). Raise InputError for a name no ledger key can hold.

    A name is one name however its accents are encoded: some systems hand file names on decomposed.
    """
    allowed = f"printable text of at most {MAX_KEY_LENGTH - len(space) - 1} characters once percent-encoded"
    if not name or not name.isprintable():
        raise InputError("is not a key", where=ascii(name), allowed=allowed, hint="give another one with --key")
    key = f"{space}/{quote(one_spelling(name), safe='')}"
    if len(key) > MAX_KEY_LENGTH:
        raise InputError(f"the key is too long: {len(key)} characters", where=name, allowed=allowed, hint="give a shorter --key")
    return key


def is_ledger_key(key: str) -> bool:
    """Tell whether text is a key as `ledger_key` makes it."""
    return len(key) <= MAX_KEY_LENGTH and bool(_KEY.fullmatch(key))


def transaction(key: str, value: bytes) -> bytes:
    """Return the transaction that puts bytes under a key.

    Raise ValueError for a key not made by `ledger_key`, and above MAX_TRANSACTION_BYTES, which nobody would read back.
    """
    if not _KEY.fullmatch(key) or not value:
        raise ValueError(f"not a key and a value for the ledger: {key!r}")
    tx = key.encode() + b"=" + base64.urlsafe_b64encode(value).rstrip(b"=")
    if len(tx) > MAX_TRANSACTION_BYTES:
        raise ValueError(f"{len(tx)} bytes under {key!r}, at most {MAX_TRANSACTION_BYTES} are read back")
    return tx


def content(tx: bytes) -> tuple[str, bytes] | None:
    """Return the key and the bytes of a transaction, or None when it is not one of ours."""
    key, _, text = tx.decode("ascii", errors="replace").partition("=")
    if not _KEY.fullmatch(key) or not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return None
    return key, base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class RecordValue(Model):
    """What the ledger holds about a record: hash and size of the bytes kept off-chain, and who put it there.

    `revises` is the hash of the transaction that this version takes the place of. It makes every revision a transaction
    of its own, so an old version that is sent again is still an old version.
    """

    sha256: Annotated[str, Field(pattern=_HASH_PATTERN)]
    size: Annotated[int, Field(ge=0, le=_MAX_SIZE)]
    organisation: Name
    node: Name
    revises: Annotated[str, Field(pattern=_HASH_PATTERN)] | None = None

    def encoded(self) -> bytes:
        """Return the value as canonical JSON."""
        return canonical(self.model_dump(exclude_none=True))


@dataclass(frozen=True)
class Version:
    """Bytes put under a key, with the proof that they are on the ledger."""

    key: str
    value: bytes
    proven: ProvenTransaction


class Proof(Protocol):
    """What is proven of a transaction: the hash that names it, and its block."""

    @property
    def hash(self) -> str:
        """64 upper-case hex digits."""

    @property
    def block(self) -> ProvenBlock:
        """The block, and who signed it."""


@dataclass(frozen=True)
class Signed:
    """Whose key signed a version, and the number it gave it among all its transactions: both proven."""

    key: str
    number: int


@dataclass(frozen=True)
class RecordVersion:
    """One proven version of a record. `signed` is None on a ledger that does not know who wrote it."""

    value: RecordValue
    proven: Proof
    signed: Signed | None = None


@dataclass(frozen=True)
class Forged:
    """A transaction that says it is a version and does not count, and why."""

    hash: str
    height: int
    why: str


@dataclass(frozen=True)
class History:
    """All that a node shows under one record key, proven and in ledger order.

    `foreign` counts entries that are not records: anyone with access to an RPC may write under any key. `forged` are those whose
    signer may not say what they say, where the ledger knows who signed: the first few; `more_forged` counts the others. `whole`:
    nothing can be missing.
    """

    versions: Sequence[RecordVersion]
    foreign: int = 0
    forged: Sequence[Forged] = ()
    whole: bool = False
    more_forged: int = 0

    @property
    def current(self) -> RecordVersion | None:
        """Return the version that counts: the last in ledger order of those that no other version revises."""
        revised = {version.value.revises for version in self.versions}
        heads = [version for version in self.versions if version.proven.hash.lower() not in revised]
        return heads[-1] if heads else None

    @property
    def replaced(self) -> RecordVersion | None:
        """Return the last version before the one that counts, in ledger order, that is of another organisation."""
        if (current := self.current) is None:
            return None
        # Not only the one right before: who writes twice must not hide whom it came after.
        before = reversed(self.versions[: self.versions.index(current)])
        return next((one for one in before if one.value.organisation != current.value.organisation), None)

    @property
    def missing(self) -> list[str]:
        """Return the transactions that versions say they revise and that this node does not show."""
        shown = {version.proven.hash.lower() for version in self.versions}
        named = {version.value.revises for version in self.versions if version.value.revises}
        return sorted(named - shown)


def record_history(versions: Iterable[Version], skipped: int = 0) -> History:
    """Return the history of a record from the proven versions under its key, and the number of entries that are none."""
    entries = list(versions)
    records = [RecordVersion(value, entry.proven) for entry in entries if (value := _value(entry.value))]
    return History(records, len(entries) - len(records) + skipped)


def _value(data: bytes) -> RecordValue | None:
    try:
        return RecordValue.model_validate_json(data)
    except ValidationError:
        return None


@dataclass(frozen=True)
class FileDigest:
    """A file on this host: its base name, the key it stands for, SHA-256 in lower-case hex and size in bytes."""

    name: str
    key: str
    sha256: str
    size: int


class Standing(StrEnum):
    """How a file stands against the ledger."""

    MATCHES = "matches"
    CHANGED = "changed"
    SUPERSEDED = "superseded"
    ABSENT = "not on the ledger"
    UNPROVEN = "not proven"


@dataclass(frozen=True)
class Judgement:
    """The standing of a file, and the version it was judged by: the matching one, else the current one."""

    standing: Standing
    version: RecordVersion | None
    reason: str
    hint: str = ""


def absence(key: str, history: History) -> str:
    """Say that there is no version of a record, and what that is worth."""
    return f"{key} is not on the ledger{'' if history.whole else ', as far as this node shows'}"


def judge(file: FileDigest, history: History) -> Judgement:
    """Compare a file with the proven versions of its record."""
    current = history.current
    if current is None:
        return Judgement(Standing.ABSENT, None, absence(file.key, history))
    if current.value.sha256 == file.sha256:
        return Judgement(Standing.MATCHES, current, "")
    older = [version for version in history.versions if version.value.sha256 == file.sha256]
    if older:
        reason = f"{file.key} is the version of height {older[-1].proven.block.height}, superseded at height {_height(current)}"
        return Judgement(Standing.SUPERSEDED, older[-1], reason)
    on_ledger, in_file = f"{current.value.sha256} ({current.value.size} bytes)", f"{file.sha256} ({file.size} bytes)"
    reason = f"{file.key} was changed: on the ledger is {on_ledger}, the file has {in_file}"
    return Judgement(Standing.CHANGED, current, reason)


def _height(version: RecordVersion) -> int:
    return version.proven.block.height
