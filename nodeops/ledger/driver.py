"""What nodeops needs from a ledger family, and which driver answers for which family.

To add a family: write `ledger/<family>.py` with a class that has these methods and a function that makes one from a
node document, and add one line to DRIVERS; the profile names it in `driver`. Every answer is checked in the driver:
its callers never see raw RPC data, save where a method says so.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from nodeops.core.errors import InputError
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.answers import BlockCommit, LedgerStatus, Peer, Rounds, ValidatorSet
from nodeops.ledger.cometbft.driver import cometbft


class Driver(Protocol):
    """One node's ledger. Every method raises HostError or Timeout when the node does not answer, lies or refuses."""

    def status(self) -> LedgerStatus:
        """Return height, newest block, chain, version and identity, and whether the node is still catching up."""

    def peers(self) -> list[Peer]:
        """Return the connected peers."""

    def peer_heights(self) -> dict[str, int]:
        """Return the newest committed height that each connected peer claims, by node id. Claims are not proved."""

    def open_height(self) -> int:
        """Return the first height whose block was not being made yet: it has room for what this node took before."""

    def validators(self, height: int | None = None) -> ValidatorSet:
        """Return the validator set at a height, or the newest."""

    def commits(self, first: int, last: int) -> list[BlockCommit]:
        """Return the commits of the heights `first` to `last`, newest first."""

    def transactions(self, first: int, last: int) -> int:
        """Return how many transactions the blocks of the heights `first` to `last` hold together."""

    def rounds(self, validator: str) -> Rounds:
        """Return what the process measured of its rounds, `validator` being its own address. Asked on its own host alone."""

    def app_hash(self, height: int) -> str:
        """Return the hash of the application's state that the header of a height carries."""

    def broadcast(self, transaction: bytes) -> str:
        """Hand a transaction to the mempool and return its hash. ApplicationRefused when the node refuses it."""

    def transaction(self, transaction_hash: str, *, prove: bool = True) -> dict[str, Any]:
        """Return a committed transaction raw, as the RPC gave it, for the verifier of records to judge."""

    def search(self, key: str) -> Iterator[dict[str, Any] | None]:
        """Yield the committed transactions indexed under an application key, raw and with proofs, oldest first.

        None stands for one that is too large to be read.
        """

    def numbered(self, address: str, number: int) -> list[int]:
        """Return the heights at which an account's transaction of a number is said to stand. Claims are not proved."""

    def block(self, height: int) -> dict[str, Any]:
        """Return all transactions of a block, raw, for the verifier of records to judge."""

    def headers(self, first: int, last: int) -> Iterator[Any]:
        """Yield the headers of the heights `first` to `last`, newest first, raw, for the verifier of records to judge."""

    def contents(self, height: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return all transactions of a block, and what came of each, raw, for the verifier of records to judge."""

    def signed_header(self, height: int) -> dict[str, Any]:
        """Return the header of a height and the commit that signs it, raw, for the verifier of records to judge."""

    def signed_headers(self, first: int, last: int) -> Iterator[Any]:
        """Yield the same of the heights `first` to `last`, newest first. Below the newest block the commit is the one that the
        chain kept: that in the block above."""

    def state(self, path: str, data: bytes = b"", *, height: int = 0, prove: bool = False) -> dict[str, Any]:
        """Return the application's answer to a question about its state, raw. At height 0 it is about the newest state.

        ApplicationRefused when it refuses the question. With `prove` the answer carries its proof, unchecked.
        """


DRIVERS: Mapping[str, Callable[[NodeDocument, float], Driver]] = {"cometbft": cometbft}


def driver_for(document: NodeDocument, timeout_seconds: float = 5.0) -> Driver:
    """Return the driver of a node's ledger family; each of its calls takes at most `timeout_seconds`.

    Raise InputError when the profile names a driver that does not exist.
    """
    name = load_profile(document.ledger.platform).driver
    if name not in DRIVERS:
        where = f"profiles/{document.ledger.platform}.toml"
        raise InputError(f"unknown driver '{name}'", where=where, allowed=", ".join(DRIVERS), hint="see ledger/driver.py")
    return DRIVERS[name](document, timeout_seconds)
