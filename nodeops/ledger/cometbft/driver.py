"""The driver for CometBFT v0.38: checked answers from one node's RPC, in the words of all ledger families."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError

from nodeops.core.errors import HostError, InputError
from nodeops.core.printable import printable
from nodeops.document.models import NodeDocument
from nodeops.ledger.answers import ApplicationRefused, BlockCommit, LedgerStatus, Peer, Rounds, Validator, ValidatorSet
from nodeops.ledger.cometbft.answers import (
    METAS_LIMIT,
    BlockMetas,
    BroadcastAnswer,
    ConsensusAnswer,
    HeadersAnswer,
    NetInfoAnswer,
    OwnConsensusAnswer,
    Placed,
    QueryAnswer,
    SearchPage,
    StatusAnswer,
    ValidatorsPage,
    hexadecimal,
    moment,
)
from nodeops.ledger.cometbft.blocks import Answer, Flag, SignedHeader, header_hash
from nodeops.ledger.cometbft.rounds import Page, rounds
from nodeops.ledger.cometbft.rpc import BATCH_LIMIT, Rpc
from nodeops.ledger.cometbft.rpc_answer import LIE_HINT
from nodeops.ledger.cometbft.search import entries

A = TypeVar("A", bound=Answer)
_PAGE = 100
# Quotes and backslashes would end the key inside the query language of tx_search.
_SEARCH_KEY = re.compile(r"[^'\"\\\s]{1,400}")
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - translated away, never listened on
_TX_HASH = re.compile(r"[0-9A-Fa-f]{64}")


def cometbft(document: NodeDocument, timeout_seconds: float) -> "CometBft":
    """Return the driver of the ledger that a node document describes."""
    metrics = document.ledger.ports["metrics"]
    page = Page(metrics.bind, metrics.port, timeout_seconds)
    return CometBft(Rpc(rpc_url(document), timeout_seconds=timeout_seconds), document.ledger.chain, page)


def rpc_url(document: NodeDocument) -> str:
    """Return where this host reaches its own ledger's RPC."""
    port = document.ledger.ports["rpc"]
    host = _ANY_ADDRESS.get(port.bind, port.bind)
    return f"http://[{host}]:{port.port}" if ":" in host else f"http://{host}:{port.port}"


class CometBft:
    """One node's CometBFT. Answers of another chain than `chain` are refused. See Driver for what each method means.

    `page` is where it says what it measured: nobody but its own host reaches that.
    """

    def __init__(self, rpc: Rpc, chain: str, page: Page | None = None) -> None:
        self.rpc = rpc
        self.chain = chain
        self.page = page

    def status(self) -> LedgerStatus:
        """Return height, newest block, chain, version and identity, and whether the node is still catching up."""
        status = self._checked("status", StatusAnswer, self.rpc.call("status")).as_status()
        self._same_chain("status", status.chain)
        return status

    def peers(self) -> list[Peer]:
        """Return the connected peers."""
        answer = self._checked("net_info", NetInfoAnswer, self.rpc.call("net_info"))
        return [peer.as_peer() for peer in answer.peers]

    def peer_heights(self) -> dict[str, int]:
        """Return the newest committed height that each connected peer claims, by node id."""
        raw = self.rpc.call("dump_consensus_state")
        return self._checked("dump_consensus_state", ConsensusAnswer, raw).heights()

    def open_height(self) -> int:
        """Return the first height whose block was not being made yet, as far as this node knows."""
        return self._checked("consensus_state", OwnConsensusAnswer, self.rpc.call("consensus_state")).open_height()

    def validators(self, height: int | None = None) -> ValidatorSet:
        """Return the validator set at a height, or the newest; all pages are read at one height."""
        page = self._validators_page(height, 1)
        at, total, found = page.block_height, page.total, list(page.validators)
        for number in range(2, -(-total // _PAGE) + 1):
            page = self._validators_page(at, number)
            if (page.block_height, page.total) != (at, total):
                raise self._lie("validators", "pages are of different sets")
            found += page.validators
        validators = [one.as_validator() for one in found]
        self._whole_set(validators, total)
        return ValidatorSet(at, validators)

    def _validators_page(self, height: int | None, number: int) -> ValidatorsPage:
        at = {} if height is None else {"height": height}
        page = self._checked("validators", ValidatorsPage, self.rpc.call("validators", page=number, per_page=_PAGE, **at))
        if height is not None and page.block_height != height:
            raise self._lie("validators", f"asked for height {height}, answers height {page.block_height}")
        return page

    def _whole_set(self, validators: list[Validator], total: int) -> None:
        if len(validators) != total:
            raise self._lie("validators", f"says {total} validators, lists {len(validators)}")
        if len({validator.address for validator in validators}) != total:
            raise self._lie("validators", "lists a validator twice")

    def commits(self, first: int, last: int) -> list[BlockCommit]:
        """Return the commits of the heights `first` to `last`, newest first, by batches of BATCH_LIMIT."""
        return [commit for batch in _batches(first, last) for commit in self._commits(batch)]

    def _commits(self, heights: list[int]) -> Iterator[BlockCommit]:
        raw = self.rpc.call_many("commit", [{"height": height} for height in heights])
        for height, answer in zip(heights, raw, strict=True):
            yield self._commit(height, answer)

    def _commit(self, height: int, raw: dict[str, Any]) -> BlockCommit:
        signed = self._checked("commit", SignedHeader, raw.get("signed_header"))
        header, commit = signed.header, signed.commit
        self._same_chain("commit", header.chain_id)
        if {header.height, commit.height} != {height}:
            raise self._lie("commit", f"asked for height {height}, answers height {header.height}")
        if header_hash(header) != commit.block_id.hash:
            raise self._lie("commit", f"the header of height {height} is not the block that was signed")
        signers = {hexadecimal(vote.validator_address) for vote in commit.signatures if vote.block_id_flag is Flag.COMMIT}
        app_hash, time = hexadecimal(header.app_hash), moment(header.time)
        made = hexadecimal(header.proposer_address), commit.round
        return BlockCommit(height, hexadecimal(commit.block_id.hash), app_hash, time, frozenset(signers), *made)

    def transactions(self, first: int, last: int) -> int:
        """Return how many transactions the blocks of the heights `first` to `last` hold together."""
        return sum(self._transactions(low, min(low + METAS_LIMIT - 1, last)) for low in range(first, last + 1, METAS_LIMIT))

    def _transactions(self, first: int, last: int) -> int:
        answer = self.rpc.call("blockchain", minHeight=first, maxHeight=last)
        found = {one.header.height: one.num_txs for one in self._checked("blockchain", BlockMetas, answer).block_metas}
        if set(found) != set(range(first, last + 1)):
            raise self._lie("blockchain", f"asked for the heights {first} to {last}, answers {len(found)} others")
        return sum(found.values())

    def rounds(self, validator: str) -> Rounds:
        """Return what the process measured of its rounds, `validator` being its own address."""
        if self.page is None:
            raise HostError("what a ledger measured is asked on its own host alone", where=self.rpc.url)
        return rounds(self.page.read(), self.chain, validator, self.page.url)

    def app_hash(self, height: int) -> str:
        """Return the hash of the application's state after the block below `height`, as that header carries it."""
        return self._commit(height, self.rpc.call("commit", height=height)).app_hash

    def broadcast(self, transaction: bytes) -> str:
        """Hand a transaction to the mempool and return its hash. ApplicationRefused when CheckTx refuses it."""
        raw = self.rpc.call("broadcast_tx_sync", tx=transaction)
        answer = self._checked("broadcast_tx_sync", BroadcastAnswer, raw)
        if answer.code:
            why = printable(answer.log) or "no reason given"
            text = f"the application refuses the transaction with code {answer.code}: {why}"
            raise ApplicationRefused(text, where=f"{self.rpc.url} broadcast_tx_sync", code=answer.code)
        return answer.hash

    def transaction(self, transaction_hash: str, *, prove: bool = True) -> dict[str, Any]:
        """Return the answer of `tx` for a hash of 64 hex digits, raw."""
        if not _TX_HASH.fullmatch(transaction_hash):
            raise InputError("is not a transaction hash", where=printable(transaction_hash), allowed="64 hex digits")
        return self.rpc.call("tx", hash=bytes.fromhex(transaction_hash), prove=prove)

    def search(self, key: str) -> Iterator[dict[str, Any] | None]:
        """Yield the transactions that the builtin application indexed under a key, raw and with proofs, oldest first.

        None stands for one too large to be read even alone. No page is asked for before it is needed, and none is kept.
        The application also indexes values under `app.key`: the caller looks into each transaction.
        """
        if not _SEARCH_KEY.fullmatch(key):
            raise InputError("cannot be searched for", where=printable(key), allowed="up to 400 characters, no quotes, no spaces")
        return entries(partial(self._search_page, f"app.key='{key}'"), key, f"{self.rpc.url} tx_search")

    def _search_page(self, query: str, number: int, size: int, *, prove: bool = True) -> SearchPage:
        raw = self.rpc.call("tx_search", query=query, prove=prove, page=number, per_page=size, order_by="asc")
        return self._checked("tx_search", SearchPage, raw)

    def numbered(self, address: str, number: int) -> list[int]:
        """Return the heights at which this node says that an account's transaction of a number stands, each once."""
        query = f"tx.acc_seq='{address}/{number}'"
        page = self._search_page(query, 1, _PAGE, prove=False)
        return list(dict.fromkeys(self._checked("tx_search", Placed, one).height for one in page.txs))

    def block(self, height: int) -> dict[str, Any]:
        """Return the answer of `block` for a height, raw."""
        return self.rpc.call("block", height=height)

    def headers(self, first: int, last: int) -> Iterator[Any]:
        """Yield the headers of `blockchain` for the heights `first` to `last`, newest first, raw."""
        for top in range(last, first - 1, -METAS_LIMIT):
            answer = self.rpc.call("blockchain", minHeight=max(first, top - METAS_LIMIT + 1), maxHeight=top)
            yield from (one.header for one in self._checked("blockchain", HeadersAnswer, answer).block_metas)

    def contents(self, height: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the answers of `block` and of `block_results` for a height, raw."""
        return self.block(height), self.rpc.call("block_results", height=height)

    def signed_header(self, height: int) -> dict[str, Any]:
        """Return `signed_header` of the answer of `commit`, raw."""
        header = self.rpc.call("commit", height=height).get("signed_header")
        if not isinstance(header, dict):
            raise self._lie("commit", "no signed header")
        return header

    def signed_headers(self, first: int, last: int) -> Iterator[Any]:
        """Yield `signed_header` of the answers of `commit` for the heights `first` to `last`, newest first, raw."""
        for heights in _batches(first, last):
            answers = self.rpc.call_many("commit", [{"height": height} for height in heights])
            yield from (one.get("signed_header") for one in answers)

    def state(self, path: str, data: bytes = b"", *, height: int = 0, prove: bool = False) -> dict[str, Any]:
        """Return `response` of the answer of `abci_query`, raw. HostError when the application refuses the question."""
        raw = self.rpc.call("abci_query", path=path, data=data.hex(), height=height, prove=prove)
        response = self._checked("abci_query", QueryAnswer, raw).response
        if response.code:
            text = f"the application refuses the query with code {response.code}: {printable(response.log)}"
            raise ApplicationRefused(text, where=f"{self.rpc.url} abci_query", code=response.code)
        return dict(raw["response"])

    def _checked(self, method: str, shape: type[A], raw: Any) -> A:
        try:
            return shape.model_validate(raw)
        except ValidationError as error:
            item = error.errors()[0]
            place = printable(".".join(map(str, item["loc"])), 100)
            raise self._lie(method, f"{place}: {printable(item['msg'], 200)}") from error

    def _same_chain(self, method: str, chain: str) -> None:
        if chain != self.chain:
            hint = "another ledger listens on this port, or its genesis is not this consortium's"
            what = f"is a node of chain {printable(chain, 60)!r}"
            raise HostError(what, where=f"{self.rpc.url} {method}", allowed=self.chain, hint=hint)

    def _lie(self, method: str, what: str) -> HostError:
        return HostError(f"the answer cannot be true: {what}", where=f"{self.rpc.url} {method}", hint=LIE_HINT)


def _batches(first: int, last: int) -> Iterator[list[int]]:
    for top in range(last, first - 1, -BATCH_LIMIT):
        yield list(range(top, max(top - BATCH_LIMIT, first - 1), -1))
