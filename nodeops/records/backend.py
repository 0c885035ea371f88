"""Where records go: a ledger that knows who signed them, or CometBFT's sample, which knows nobody and is for trials."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from nodeops.core.errors import HostError, InputError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.authors import Author, parse_authors
from nodeops.ledger.cosmos.key_file import load_signing_key
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.driver import Driver
from nodeops.ledger.founding.genesis import content_digest
from nodeops.ledger.identity.files import record_key_file
from nodeops.records.add import send_all
from nodeops.records.author_store import AuthorStore
from nodeops.records.index import Index
from nodeops.records.logs import AuthorLogs, Frontier
from nodeops.records.store import Store, open_store, read_genesis
from nodeops.records.versions import History, Outcome, Planned, Writer

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

    def send_all(self, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]) -> list[Outcome]:
        """Put on the ledger what the plan says, wait for it and prove it. Raise Timeout when no block takes it."""


class SampleBackend:
    """CometBFT's sample: whoever reaches an RPC writes under any key and any name."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self.store, self.driver, self.writer = store, store.driver, writer

    def history(self, key: str) -> History:
        """Return all versions under a key that the node shows."""
        return self.store.record_history(key)

    def frontier(self) -> Frontier | None:
        """Return None: the sample has no proof of absence."""
        return None

    def send_all(self, planned: Sequence[Planned], timeout_seconds: float, on_file: Callable[[], object]) -> list[Outcome]:
        """Send, wait and prove."""
        return send_all(self.store, self.writer, planned, timeout_seconds, on_file)


def knows_authors(document: NodeDocument) -> bool:
    """Tell whether this node's ledger knows who signed a record."""
    return load_profile(document.ledger.platform).founding == "group"


def open_backend(document: NodeDocument, on_number: Callable[[], object] = lambda: None) -> Backend:
    """Return where records are read. Raise HostError without a genesis, or without what names the authors."""
    node = document.node
    if not knows_authors(document):
        return SampleBackend(open_store(document), Writer(node.organisation, node.name))
    return _author_store(document, None, on_number)


def open_writer(document: NodeDocument, signing_key: Path | None, on_number: Callable[[], object]) -> tuple[Backend, Writer]:
    """Return where records are written, and in whose name: that of the key, this node's own when no file is given.

    Raise InputError for a key that members do not know, or none where the ledger has no authors.
    """
    if not knows_authors(document):
        if signing_key is not None:
            text = f"{document.ledger.platform} does not know who signs"
            raise InputError(text, where="--signing-key", hint="leave it out; docs/ledgerd.md is about a ledger that does")
        return open_backend(document), Writer(document.node.organisation, document.node.name)
    key = load_signing_key(signing_key) if signing_key else _own_key(document)
    store = _author_store(document, key, on_number)
    return store, store.writer


def _own_key(document: NodeDocument) -> SigningKey:
    file = record_key_file(document)
    if file is None or not file.exists():
        hint = "run site.yml: nodeops ledger identity --ensure makes it; if it had one, bring its keys back from their archive"
        raise HostError("this node has no key to sign records with", where=str(file), hint=hint)
    return load_signing_key(file)


def _author_store(document: NodeDocument, key: SigningKey | None, on_number: Callable[[], object]) -> AuthorStore:
    store, chain = open_store(document), document.ledger.chain
    index = Index(Path(document.paths["records_state"]), content_digest(read_genesis(document)))
    logs = AuthorLogs(store.driver, store.block, _authors(document), index, chain)
    return AuthorStore(logs, key, Path(document.paths["records_state"]), on_number)


def _authors(document: NodeDocument) -> list[Author]:
    file = Path(document.paths["authors"])
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES)
    except OSError as error:
        hint = "run ansible-playbook site.yml from the controller: it says whose key signs in whose name"
        raise HostError(f"cannot be read: {error.strerror}", where=str(file), hint=hint) from error
    return parse_authors(data, document.ledger.chain, str(file))
