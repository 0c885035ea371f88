"""Where records go: a ledger that knows who signed them, or CometBFT's sample, which knows nobody and is for trials."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from nodeops.core.errors import HostError, InputError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.authors import Author, parse_authors
from nodeops.ledger.cometbft.kept import read_genesis
from nodeops.ledger.cosmos.key_file import load_signing_key
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.driver import Driver
from nodeops.ledger.founding.genesis import content_digest
from nodeops.ledger.identity.files import record_key_file
from nodeops.records.add import send_all
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.authored import Frontier
from nodeops.records.index import Index
from nodeops.records.left_out import LeftOut
from nodeops.records.logs import AuthorLogs
from nodeops.records.planned import Outcome, Planned, Writer
from nodeops.records.store import Store, open_store
from nodeops.records.versions import History

_MOST_BYTES = 4 << 20


class Backend(Protocol):
    """Records on one kind of ledger, through this host's own node."""

    @property
    def driver(self) -> Driver:
        """The node."""

    def history(self, key: str) -> History:
        """Return all versions under a ledger key, each proven. Raise ProofError when the node's answer does not hold."""

    def frontier(self) -> Frontier | None:
        """Return up to where nothing can be missing; None where a node can keep silent."""


class Pen(Protocol):
    """What writes records in one name."""

    @property
    def writer(self) -> Writer:
        """In whose name it writes."""

    def alone(self, seconds: float) -> AbstractContextManager[None]:
        """Hold it on this host while the block runs. Raise Refused when another run has it for so long."""

    def send_all(self, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]) -> list[Outcome]:
        """Put on the ledger what the plan says, wait for it and prove it. Raise Timeout when no block takes it."""

    def left_out(self) -> list[LeftOut]:
        """Return the validators whose blocks leave out what this name hands in on this host."""


class SampleStore:
    """Records on CometBFT's sample: whoever reaches an RPC writes under any key and any name."""

    def __init__(self, store: Store) -> None:
        self.store, self.driver = store, store.driver

    def history(self, key: str) -> History:
        """Return all versions under a key that the node shows."""
        return self.store.record_history(key)

    def frontier(self) -> Frontier | None:
        """Return None: the sample has no proof of absence."""
        return None


class SamplePen:
    """Writes in the node's name, which nothing proves."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self.store, self.writer = store, writer

    def alone(self, seconds: float) -> AbstractContextManager[None]:  # noqa: ARG002 - nobody is waited for
        """Return at once: nothing is numbered there, so two runs do not meet."""
        return nullcontext()

    def send_all(self, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]) -> list[Outcome]:
        """Send, wait and prove."""
        return send_all(self.store, self.writer, planned, timeout_seconds, on_file)

    def left_out(self) -> list[LeftOut]:
        """Return nobody: on the sample it is not looked at."""
        return []


def knows_authors(document: NodeDocument) -> bool:
    """Tell whether this node's ledger knows who signed a record."""
    return load_profile(document.ledger.platform).founding == "group"


def open_backend(document: NodeDocument, on_number: Callable[[], object] = lambda: None) -> Backend:
    """Return where records are read. Raise HostError without a genesis, or without what names the authors."""
    return _author_store(document, on_number) if knows_authors(document) else SampleStore(open_store(document))


def open_pen(document: NodeDocument, signing_key: Path | None, on_number: Callable[[], object]) -> tuple[Backend, Pen]:
    """Return where records are read, and what writes them: in the name of the key, which is this node's own without a file.

    Raise InputError for a key that members do not know, or any where the ledger has no authors.
    """
    if knows_authors(document):
        key = load_signing_key(signing_key) if signing_key else _own_key(document)
        store = _author_store(document, on_number)
        return store, AuthorPen(store, key, Path(document.paths["records_state"]))
    if signing_key is not None:
        text, hint = f"{document.ledger.platform} does not know who signs", "leave it out; docs/ledgerd.md has one that does"
        raise InputError(text, where="--signing-key", hint=hint)
    sample = open_store(document)
    return SampleStore(sample), SamplePen(sample, Writer(document.node.organisation, document.node.name))


def _own_key(document: NodeDocument) -> SigningKey:
    file = record_key_file(document)
    if file is None or not file.exists():
        hint = "run site.yml: nodeops ledger identity --ensure makes it; if it had one, bring its keys back from their archive"
        raise HostError("this node has no key to sign records with", where=str(file), hint=hint)
    return load_signing_key(file)


def _author_store(document: NodeDocument, on_number: Callable[[], object]) -> AuthorStore:
    store, chain = open_store(document), document.ledger.chain
    index = Index(Path(document.paths["records_state"]), content_digest(read_genesis(document)))
    return AuthorStore(AuthorLogs(store.driver, store.block, _authors(document), index, chain), on_number)


def _authors(document: NodeDocument) -> list[Author]:
    file = Path(document.paths["authors"])
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES)
    except OSError as error:
        hint = "run ansible-playbook site.yml from the controller: it says whose key signs in whose name"
        raise HostError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from error
    return parse_authors(data, document.ledger.chain, str(file))
