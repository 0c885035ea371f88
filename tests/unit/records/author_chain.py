"""What a real ledgerd answered about records of three authors, told again on a socket, and how a node lies about it.

`python -m tests.unit.records.author_chain` runs the chain and writes the answers anew. On it, in this order:

- `alpha-1` adds a.csv (its number 0) and says in `billing`'s name that b.csv is something (1): a foreign author;
- `billing` adds b.csv (0), gives its coins away (1), fails to add c.csv for want of one (2), and adds it with new ones (3);
- a stranger to whom somebody gave coins writes, in a block with `alpha-1`'s number 2 (d.csv), that a.csv is something else;
- `meter` has written nothing, and `ghost` has no account.
"""

import copy
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from nodeops.core.digest import sha256
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.trust import trusted_set
from nodeops.ledger.cosmos.account import account
from nodeops.ledger.cosmos.address import account_address, address_bytes
from nodeops.ledger.cosmos.group_state import STORE, policy_key
from nodeops.ledger.cosmos.messages import Coin, Send, pack
from nodeops.ledger.cosmos.signing_key import SigningKey
from nodeops.ledger.cosmos.tx import Signer, sign
from nodeops.records.authored import GAS, memo_of, signed_record
from nodeops.records.index import Index
from nodeops.records.logs import AuthorLogs
from nodeops.records.versions import RecordValue
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, running_ledgerd
from tests.unit.ledger.made_keys import pair

FILE = Path(__file__).parents[2] / "cases/records/authors.json"
OWNERS = {"alpha-1": "alpha", "billing": "beta", "meter": "gamma", "ghost": "gamma"}
AUTHORS = [Author(organisation=owner, name=name, key=pair(f"record {name}")[1]) for name, owner in OWNERS.items()]
ADDRESS = {one.name: account_address(one.key) for one in AUTHORS}
Lie = Callable[[str, dict[str, Any], Any], Any]


def key(name: str) -> SigningKey:
    return organisation_key(f"record {name}")


def value(name: str, content: str, **more: Any) -> RecordValue:
    return RecordValue(
        sha256=sha256(content.encode()), size=len(content), organisation=OWNERS.get(name, "gamma"), node=name, **more
    )


# --- told again -----------------------------------------------------------------------------------------------------------


def recorded() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def asked(method: str, params: dict[str, Any]) -> str:
    """Return what a question is filed under."""
    if method == "tx_search":
        return f"{method} {params['query']}"
    if method == "abci_query":
        return f"{method} {params['data']} {params['height']}"
    return f"{method} {params.get('height', '')}".strip()


def _answer(answers: dict[str, Any], method: str, params: dict[str, Any]) -> Any:
    if method != "blockchain":
        return answers[asked(method, params)]
    heights = range(int(params["maxHeight"]), int(params["minHeight"]) - 1, -1)
    return {"block_metas": [{"header": answers[f"commit {height}"]["signed_header"]["header"]} for height in heights]}


@contextmanager
def told(lie: Lie | None = None) -> Iterator[str]:
    """Serve what was recorded, and yield the address; `lie` may alter every answer, or raise LookupError."""
    answers = recorded()["answers"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
            try:
                found = copy.deepcopy(_answer(answers, request["method"], request["params"]))
                body["result"] = lie(request["method"], request["params"], found) if lie else found
            except LookupError as error:
                body["error"] = {"code": -32603, "message": "Internal error", "data": str(error)}
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def logs(url: str, folder: Path, authors: list[Author] | None = None) -> AuthorLogs:
    """Return the reader of a node's authors, with an index in a folder."""
    genesis = json.dumps(recorded()["genesis"]).encode()
    driver = CometBft(Rpc(url), CHAIN)
    follower = Follower(trusted_set(genesis, CHAIN, "genesis.json"), driver)
    return AuthorLogs(driver, follower.block, authors or AUTHORS, Index(folder, "genesis"), CHAIN)


# --- recorded -------------------------------------------------------------------------------------------------------------


class Scribe:
    """Writes transactions of authors, one after the other."""

    def __init__(self, node: CometBft) -> None:
        self.node = node

    def signer(self, name: str) -> Signer:
        found = account(self.node, self.key(name).address)
        assert found is not None, name
        return Signer(self.key(name), found.number, found.sequence)

    def key(self, name: str) -> SigningKey:
        return organisation_key(name) if name in ("beta", "stranger") else key(name)

    def record(self, name: str, file: str, said: RecordValue) -> bytes:
        signer = self.signer(name)
        return signed_record(signer.key, CHAIN, signer.number, signer.sequence, memo_of(f"record/{file}", said))

    def coins(self, name: str, receiver: str, amount: int) -> bytes:
        signer = self.signer(name)
        send = Send(signer.key.address, receiver, (Coin(amount=str(amount)),))
        return sign([pack(send)], [signer], CHAIN, gas=GAS)

    def commit(self, *txs: bytes) -> None:
        for tx in txs:
            self.node.broadcast(tx)
        wanted = self.node.status().height + 2
        while self.node.status().height < wanted:
            time.sleep(0.05)


def _write(node: CometBft) -> None:
    scribe = Scribe(node)
    scribe.commit(scribe.record("alpha-1", "a.csv", value("alpha-1", "a")))
    scribe.commit(scribe.record("billing", "b.csv", value("billing", "b")))
    scribe.commit(scribe.record("alpha-1", "b.csv", value("billing", "e")))
    scribe.commit(scribe.coins("billing", organisation_key("beta").address, 100))
    scribe.commit(scribe.record("billing", "c.csv", value("billing", "c")))
    scribe.commit(scribe.coins("beta", ADDRESS["billing"], 50))
    scribe.commit(scribe.coins("beta", organisation_key("stranger").address, 5))
    scribe.commit(scribe.record("billing", "c.csv", value("billing", "c")))
    # Both early in the time between two blocks, so that they are in one.
    scribe.commit()
    stranger = scribe.record("stranger", "a.csv", value("alpha-1", "f"))
    scribe.commit(stranger, scribe.record("alpha-1", "d.csv", value("alpha-1", "d")))


def _questions(node: CometBft) -> Iterator[tuple[str, dict[str, Any]]]:
    top = node.status().height
    yield "status", {}
    for height in map(str, range(1, top + 1)):
        yield from ((method, {"height": height}) for method in ("commit", "block", "block_results"))
        for address in ADDRESS.values():
            data = (b"\x01" + address_bytes(address)).hex()
            if int(height) > 1:
                yield "abci_query", {"path": "/store/acc/key", "data": data, "height": height, "prove": True}
        if int(height) > 1:
            yield "abci_query", {"path": f"/store/{STORE}/key", "data": policy_key().hex(), "height": height, "prove": True}
    for address in ADDRESS.values():
        for number in range(5):
            query = f"tx.acc_seq='{address}/{number}'"
            yield "tx_search", {"query": query, "prove": False, "page": "1", "per_page": "100", "order_by": "asc"}


def _without_events(method: str, answer: Any) -> Any:
    """Drop what nothing here reads and is long."""
    if method == "block_results":
        for one in answer["txs_results"] or []:
            one["events"], one["log"] = [], ""
        answer["finalize_block_events"] = []
    if method == "tx_search":
        answer["txs"] = [{"hash": one["hash"], "height": one["height"]} for one in answer["txs"]]
    if method == "block":
        answer["block"] = {"data": answer["block"]["data"]}
    return answer


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_ledgerd(Path(folder) / "home") as process:
        rpc = Rpc(process.url)
        node = CometBft(rpc, process.chain)
        _write(node)
        answers = {}
        for method, params in _questions(node):
            plain = {name: word for name, word in params.items() if name != "data"}
            answers[asked(method, params)] = _without_events(method, rpc.call(method, **plain, **_data(params)))
        genesis = json.loads((process.home / "config/genesis.json").read_text())
        kept = {"genesis": {name: genesis[name] for name in ("chain_id", "validators")}, "answers": answers}
    FILE.write_text(json.dumps(kept, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")


def _data(params: dict[str, Any]) -> dict[str, str]:
    return {"data": params["data"]} if "data" in params else {}


if __name__ == "__main__":
    main()
