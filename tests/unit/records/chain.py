"""A ledger for tests: blocks signed with real keys, answers in the form of the RPC, served on a real socket.

The encodings it shares with the code under test are held by recorded answers of a real network (`CASE`).
"""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter

from nodeops.ledger.answers import ValidatorSet
from nodeops.ledger.cometbft.blocks import Commit, Header, Time, header_hash, leaf_hash, merkle_root, split_point, vote_sign_bytes
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.trust import TrustedSet, trusted_set
from nodeops.records.store import Store
from tests.unit.ledger.rpc_server import recorded

CASE = json.loads((Path(__file__).parents[2] / "cases/records/real_chain.json").read_text(encoding="utf-8"))
_MOMENT: TypeAdapter[Any] = TypeAdapter(Time)
Lie = Callable[[str, dict[str, Any]], Any]
_NOTHING = hashlib.sha256(b"").hexdigest().upper()


def real_trusted() -> TrustedSet:
    """Return the validators of the recorded network."""
    return trusted_set(json.dumps(CASE["genesis"]).encode(), "battery-test-1", "genesis.json")


class Seat:
    """A validator whose private key the test holds."""

    def __init__(self, number: int, power: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"seat %d" % number).digest())
        self.public = self.private.public_key().public_bytes_raw()
        self.address = hashlib.sha256(self.public).hexdigest()[:40].upper()
        self.power = power

    def crooked(self, data: bytes) -> bytes:
        """Return a signature that CometBFT accepts and OpenSSL does not: a point of order 2 is added to R, (x, y) to (-x, -y)."""
        order, field = 2**252 + 27742317777372353535851937790883648493, 2**255 - 19
        digest = hashlib.sha512(self.private.private_bytes_raw()).digest()
        secret = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
        straight = self.private.sign(data)
        whole = int.from_bytes(straight[:32], "little")
        turned = (field - (whole & ((1 << 255) - 1)) | (whole >> 255 ^ 1) << 255).to_bytes(32, "little")

        def challenge(commitment: bytes) -> int:
            return int.from_bytes(hashlib.sha512(commitment + self.public + data).digest(), "little")

        nonce = int.from_bytes(straight[32:], "little") - challenge(straight[:32]) * secret
        return turned + ((nonce + challenge(turned) * secret) % order).to_bytes(32, "little")


class Chain:
    """One block a transaction as soon as it is broadcast, unless `halted`."""

    def __init__(self, powers: Sequence[int] = (1, 1, 1, 1), name: str = "battery-1") -> None:
        self.name, self.halted = name, False
        self.seats = [Seat(number, power) for number, power in enumerate(powers)]
        self.blocks: list[list[bytes]] = []
        self.waiting: list[bytes] = []
        self.broadcasts = 0

    def genesis(self) -> bytes:
        keys = [{"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(seat.public).decode()} for seat in self.seats]
        validators = [{"pub_key": key, "power": str(seat.power)} for key, seat in zip(keys, self.seats, strict=True)]
        return json.dumps({"chain_id": self.name, "validators": validators}).encode()

    def trusted(self) -> TrustedSet:
        return trusted_set(self.genesis(), self.name, "genesis.json")

    def store(self, driver: CometBft) -> Store:
        """Return a store that trusts this chain's genesis."""
        return Store(driver, Follower(self.trusted(), driver).block)

    def commit(self, *txs: bytes) -> int:
        self.blocks.append(list(txs))
        return len(self.blocks)

    def resume(self) -> None:
        self.halted = False
        self.commit(*self.waiting)
        self.waiting = []

    def validators(self, height: int | None = None) -> ValidatorSet:
        """Return who validates at a height, as a driver does."""
        return ValidatorSet(height or len(self.blocks), self.trusted().validators)

    def header(self, height: int) -> dict[str, Any]:
        block_id = {"hash": _NOTHING, "parts": {"total": 1, "hash": _NOTHING}}
        validators = self.trusted().hash().hex()
        hashes = dict.fromkeys(("last_commit_hash", "consensus_hash", "last_results_hash", "evidence_hash"), _NOTHING)
        return {
            "version": {"block": "11", "app": "1"},
            "chain_id": self.name,
            "height": str(height),
            "time": f"2026-11-01T08:00:{height % 60:02d}.5Z",
            "last_block_id": block_id,
            "data_hash": merkle_root([hashlib.sha256(tx).digest() for tx in self.blocks[height - 1]]).hex(),
            "validators_hash": validators,
            "next_validators_hash": validators,
            "app_hash": "0000000000000000",
            "proposer_address": self.seats[0].address,
            **hashes,
        }

    def signed_header(self, height: int) -> dict[str, Any]:
        header = self.header(height)
        block_hash = header_hash(Header.model_validate(header)).hex().upper()
        unsigned = {"height": str(height), "round": 1, "block_id": {"hash": block_hash, "parts": {"total": 1, "hash": _NOTHING}}}
        commit = Commit.model_validate({**unsigned, "signatures": []})
        votes = [vote(seat, commit, self.name, f"2026-11-01T08:01:00.{number + 1}Z") for number, seat in enumerate(self.seats)]
        return {"header": header, "commit": {**unsigned, "signatures": votes}}

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return dict(getattr(self, f"_{method}")(**params))

    def _broadcast_tx_sync(self, tx: str) -> dict[str, Any]:
        data = base64.b64decode(tx)
        self.broadcasts += 1
        if any(data in block for block in (*self.blocks, self.waiting)):
            raise LookupError("tx already exists in cache")
        code = 0 if data.count(b"=") == 1 and b":" not in data else 2
        if not code:
            self.waiting.append(data) if self.halted else self.commit(data)
        return {"code": code, "data": "", "log": "", "codespace": "", "hash": hashlib.sha256(data).hexdigest().upper()}

    def _commit(self, height: str) -> dict[str, Any]:
        if int(height) > len(self.blocks):
            raise LookupError(f"height {height} must be less than or equal to the current blockchain height")
        return {"signed_header": self.signed_header(int(height)), "canonical": True}

    def _validators(self, page: str, per_page: str, height: str = "") -> dict[str, Any]:
        assert (page, per_page) == ("1", "100")
        told = [
            {
                "address": seat.address,
                "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(seat.public).decode()},
                "voting_power": str(seat.power),
            }
            for seat in self.seats
        ]
        return {"block_height": height or str(len(self.blocks) + 1), "validators": told, "total": str(len(told))}

    def _tx(self, hash: str, prove: bool) -> dict[str, Any]:  # noqa: A002 - the RPC's name
        assert prove
        for height, index, tx in self._all():
            if hashlib.sha256(tx).digest() == base64.b64decode(hash):
                return self.entry(height, index)
        raise LookupError("tx not found")

    def _tx_search(self, query: str, prove: bool, page: str, per_page: str, order_by: str) -> dict[str, Any]:
        assert (prove, order_by) == (True, "asc")
        key = query.removeprefix("app.key='").removesuffix("'").encode()
        found = [self.entry(height, index) for height, index, tx in self._all() if key in tx.split(b"=")]
        start = (int(page) - 1) * int(per_page)
        if start and start >= len(found):
            raise LookupError(f"page should be within [1, {-(-len(found) // int(per_page))}] range, given {page}")
        return {"txs": found[start : start + int(per_page)], "total_count": str(len(found))}

    def _status(self) -> dict[str, Any]:
        status = recorded("status")
        return {**status, "node_info": {**status["node_info"], "network": self.name}}

    def _all(self) -> Iterator[tuple[int, int, bytes]]:
        for height, block in enumerate(self.blocks, 1):
            yield from ((height, index, tx) for index, tx in enumerate(block))

    def entry(self, height: int, index: int) -> dict[str, Any]:
        tx = self.blocks[height - 1][index]
        hashes = [hashlib.sha256(other).digest() for other in self.blocks[height - 1]]
        proof = {
            "total": str(len(hashes)),
            "index": str(index),
            "leaf_hash": base64.b64encode(leaf_hash(hashes[index])).decode(),
            "aunts": [base64.b64encode(aunt).decode() for aunt in aunts(hashes, index)],
        }
        data = base64.b64encode(tx).decode()
        whole = {"root_hash": merkle_root(hashes).hex().upper(), "data": data, "proof": proof}
        return {"hash": hashes[index].hex().upper(), "height": str(height), "index": index, "tx": data, "proof": whole}


def aunts(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the sibling hashes from a leaf up to the root."""
    if len(leaves) < 2:
        return []
    middle = split_point(len(leaves))
    if index < middle:
        return [*aunts(leaves[:middle], index), merkle_root(leaves[middle:])]
    return [*aunts(leaves[middle:], index - middle), merkle_root(leaves[:middle])]


def vote(seat: Seat, commit: Commit, chain: str, time: str, flag: int = 2) -> dict[str, Any]:
    """Return the slot of a validator that signed a commit's block at a time."""
    signature = base64.b64encode(seat.private.sign(vote_sign_bytes(chain, commit, _MOMENT.validate_python(time)))).decode()
    return {"block_id_flag": flag, "validator_address": seat.address, "timestamp": time, "signature": signature}


class Answering(Protocol):
    """Whatever stands for a node."""

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the result of a call. Raise LookupError for an error of the ledger's own."""


@contextmanager
def served(chain: Answering, lie: Lie | None = None) -> Iterator[int]:
    """Serve a chain's answers on a loopback socket and yield its port; `lie` may alter every answer."""

    def body(request: dict[str, Any]) -> dict[str, Any]:
        answered: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            result = chain.answer(request["method"], request["params"])
            return {**answered, "result": lie(request["method"], result) if lie else result}
        except LookupError as error:
            return {**answered, "error": {"code": -32603, "message": "Internal error", "data": str(error.args[0])}}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            batch = request if isinstance(request, list) else [request]
            bodies = [body(one) for one in batch]
            # A batch of one is answered as if it were no batch.
            data = json.dumps(bodies if len(bodies) > 1 else bodies[0]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
