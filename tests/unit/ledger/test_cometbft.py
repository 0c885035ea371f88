"""The CometBFT driver: recorded answers of a real network of four, the same answers bent into lies, and a real process."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_process import Process, running_ledger
from rpc_server import answering, recorded

from nodeops.core.errors import HostError, InputError, NodeopsError
from nodeops.document.models import NodeDocument
from nodeops.ledger.answers import Signing, signing
from nodeops.ledger.cometbft import CometBft, rpc_url
from nodeops.ledger.cometbft_answers import validator_address
from nodeops.ledger.driver import driver_for
from nodeops.ledger.rpc import Rpc

CHAIN = recorded("status")["node_info"]["network"]
HEIGHTS = [int(one["signed_header"]["header"]["height"]) for one in recorded("commit")]
PATIENT = 60.0
SIMPLE = ("status", "net_info", "validators", "dump_consensus_state", "abci_query", "broadcast_tx_sync", "tx", "tx_search")


def commit_at(params: Mapping[str, str]) -> Any:
    return {int(one["signed_header"]["header"]["height"]): one for one in recorded("commit")}[int(params["height"])]


def real() -> dict[str, Any]:
    return {**{name: recorded(name) for name in SIMPLE}, "commit": commit_at}


def driver(url: str) -> CometBft:
    return CometBft(Rpc(url, timeout_seconds=PATIENT), CHAIN)


@pytest.fixture(scope="module")
def node() -> Iterator[CometBft]:
    with answering(real()) as url:
        yield driver(url)


def test_status(node: CometBft) -> None:
    raw, status = recorded("status"), node.status()
    assert status.height == int(raw["sync_info"]["latest_block_height"])
    assert status.block_hash == raw["sync_info"]["latest_block_hash"]
    assert status.app_hash == raw["sync_info"]["latest_app_hash"]
    assert status.validator_address == raw["validator_info"]["address"]
    assert (status.chain, status.voting_power, status.catching_up) == (CHAIN, 1, False)
    assert status.block_time is not None
    assert status.block_time.isoformat()[:19] == raw["sync_info"]["latest_block_time"][:19]


def test_a_node_without_blocks_has_no_block_time() -> None:
    raw = recorded("status")
    raw["sync_info"] |= {"latest_block_height": "0", "latest_block_hash": "", "latest_block_time": "1970-01-01T00:00:00Z"}
    with answering({"status": raw}) as url:
        assert driver(url).status().block_time is None


def test_peers_and_their_heights(node: CometBft) -> None:
    peers = node.peers()
    assert [peer.node_id for peer in peers] == [peer["node_info"]["id"] for peer in recorded("net_info")["peers"]]
    assert set(node.peer_heights()) == {peer.node_id for peer in peers}
    assert max(node.peer_heights().values()) in range(HEIGHTS[0] - 2, HEIGHTS[0] + 3)


def test_validators(node: CometBft) -> None:
    found = node.validators()
    assert found.total_power == len(found.validators) == 4
    assert all(validator_address(one.public_key) == one.address for one in found.validators)


def test_commits_come_newest_first_with_their_signers(node: CometBft) -> None:
    commits = node.commits(HEIGHTS[-1], HEIGHTS[0])
    assert [commit.height for commit in commits] == HEIGHTS
    assert all(commit.signers == {one.address for one in node.validators().validators} for commit in commits)
    assert node.app_hash(HEIGHTS[0]) == commits[0].app_hash
    assert node.commits(5, 4) == []


def test_who_signed_is_counted() -> None:
    with answering(real()) as url:
        commits = driver(url).commits(HEIGHTS[-1], HEIGHTS[0])
    one = next(iter(commits[0].signers))
    assert signing(commits, ["F" * 40]) | {} == {
        **dict.fromkeys(sorted(commits[0].signers), Signing(3, 3, HEIGHTS[0])),
        "F" * 40: Signing(0, 3, None),
    }
    assert signing(commits[1:], [])[one] == Signing(2, 2, HEIGHTS[1])


def test_transactions_and_queries(node: CometBft) -> None:
    assert node.broadcast(b"gamma=1") == recorded("broadcast_tx_sync")["hash"]
    assert node.transaction(recorded("tx")["hash"]) == recorded("tx")
    assert node.search("alpha/1") == recorded("tx_search")["txs"]
    assert node.query(b"alpha/1") == b"beta"
    assert node.signed_header(HEIGHTS[0])["header"]["height"] == str(HEIGHTS[0])


@pytest.mark.parametrize("key", ["", "a'b", 'a"b', "a\\b", "a b", "a\n", "x" * 401])
def test_a_search_key_cannot_leave_its_quotes(node: CometBft, key: str) -> None:
    with pytest.raises(InputError):
        node.search(key)


@pytest.mark.parametrize("text", ["", "zz", "AB" * 31, "AB" * 32 + "\n"])
def test_a_transaction_hash_is_64_hex_digits(node: CometBft, text: str) -> None:
    with pytest.raises(InputError):
        node.transaction(text)


Bend = Callable[[Any], Any]


def bent(method: str, change: Bend) -> dict[str, Any]:
    """Return the recorded answers with one changed in place."""
    answers = real()
    if method == "commit":
        answers["commit"] = lambda params: changed(commit_at(params), change)
    else:
        answers[method] = changed(answers[method], change)
    return answers


def changed(value: Any, change: Bend) -> Any:
    value = copy.deepcopy(value)
    change(value)
    return value


def put(path: str, new: Any) -> Bend:
    def change(value: Any) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        for step in steps:
            value = value[step]
        value[last] = new

    return change


def ask(node: CometBft, method: str) -> Any:
    asked: dict[str, Callable[[], Any]] = {
        "status": node.status,
        "net_info": node.peers,
        "validators": node.validators,
        "commit": lambda: node.commits(HEIGHTS[-1], HEIGHTS[0]),
        "dump_consensus_state": node.peer_heights,
        "abci_query": lambda: node.query(b"alpha/1"),
        "broadcast_tx_sync": lambda: node.broadcast(b"gamma=1"),
        "tx_search": lambda: node.search("alpha/1"),
        "tx": lambda: node.transaction("AB" * 32),
    }
    return asked[method]()


LIES: list[tuple[str, str, Any, str]] = [
    ("status", "node_info/network", "other-chain", "is a node of chain 'other-chain'"),
    ("status", "node_info/network", "\x1b[2J", "node_info.network"),
    ("status", "node_info/id", "no-id", "node_info.id"),
    ("status", "sync_info/latest_block_height", "-5", "latest_block_height"),
    ("status", "sync_info/latest_block_height", str(1 << 63), "latest_block_height"),
    ("status", "sync_info/latest_block_height", "9" * 5000, "latest_block_height"),
    ("status", "sync_info/latest_block_height", 1.5, "latest_block_height"),
    ("status", "sync_info/latest_block_hash", "AB", "latest_block_hash"),
    ("status", "sync_info/latest_block_time", "yesterday", "latest_block_time"),
    ("status", "sync_info/earliest_block_height", "99999999", "earliest block is above the latest"),
    ("status", "validator_info/voting_power", "-1", "voting_power"),
    ("status", "validator_info/pub_key/value", "AAAA", "pub_key.value"),
    ("status", "validator_info/address", "AB" * 20, "not that of the public key"),
    ("status", "sync_info", None, "sync_info"),
    ("net_info", "peers", [None], "peers.0"),
    ("net_info", "peers", [recorded("net_info")["peers"][0]] * 1001, "peers"),
    ("net_info", "peers/0/node_info/moniker", "a\nb", "moniker"),
    ("validators", "total", "5", "says 5 validators, lists 4"),
    ("validators", "total", "10001", "total"),
    ("validators", "validators/1", recorded("validators")["validators"][0], "lists a validator twice"),
    ("validators", "validators/0/voting_power", "x", "voting_power"),
    ("validators", "validators/0/pub_key/type", "tendermint/PubKeySecp256k1", "pub_key.type"),
    ("commit", "signed_header", None, "valid dictionary"),
    ("commit", "signed_header/header/chain_id", "other", "is a node of chain 'other'"),
    ("commit", "signed_header/header/height", "7", "answers height 7"),
    ("commit", "signed_header/header/app_hash", "FF", "is not the block that was signed"),
    ("commit", "signed_header/commit/block_id/hash", "AB" * 32, "is not the block that was signed"),
    ("commit", "signed_header/commit/signatures/0/validator_address", "ABCD" * 20, "validator_address"),
    ("dump_consensus_state", "peers/0/node_address", "no-id", "node_address"),
    ("dump_consensus_state", "peers/0/peer_state/round_state/height", "-1", "height"),
    ("broadcast_tx_sync", "code", 7, "refuses the transaction with code 7"),
    ("broadcast_tx_sync", "hash", "12", "hash"),
    ("abci_query", "response/code", 3, "refuses the query with code 3"),
    ("abci_query", "response/value", "not base64", "value"),
    ("tx_search", "total_count", "3", "ends before the number"),
    ("tx_search", "txs", "no list", "txs"),
]


@pytest.mark.parametrize(("method", "path", "value", "said"), LIES, ids=[f"{lie[0]}-{lie[1]}-{n}" for n, lie in enumerate(LIES)])
def test_a_lie_is_a_clear_error(method: str, path: str, value: Any, said: str) -> None:
    change = put(path, value)
    if method == "tx_search" and path == "total_count":
        change = lambda page: page.update(total_count="3", txs=[])  # noqa: E731
    with answering(bent(method, change)) as url, pytest.raises(HostError) as caught:
        ask(driver(url), method)
    assert said in caught.value.what
    assert caught.value.what.isprintable()
    assert len(caught.value.what) < 500


def paged(params: Mapping[str, str], *, moved: bool = False, short: bool = False) -> dict[str, Any]:
    whole = recorded("validators")
    page, size = int(params["page"]), 2
    part = whole["validators"][(page - 1) * size : page * size - (1 if short and page == 2 else 0)]
    height = str(int(whole["block_height"]) + (1 if moved and page == 2 else 0))
    return {"block_height": height, "validators": part, "count": str(len(part)), "total": "4"}


@pytest.mark.parametrize(("how", "said"), [({}, ""), ({"moved": True}, "asked for height"), ({"short": True}, "lists 3")])
def test_pages_of_validators_are_put_together(how: dict[str, bool], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodeops.ledger.cometbft._PAGE", 2)
    with answering({"validators": lambda params: paged(params, **how)}) as url:
        if said:
            with pytest.raises(HostError, match=said):
                driver(url).validators()
        else:
            assert len(driver(url).validators().validators) == 4


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from leaves(child, (*path, key))


PLACES = [(name, path) for name in SIMPLE for path in leaves(recorded(name))] + [
    ("commit", path) for path in leaves(recorded("commit")[0])
]
NONSENSE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10), st.just([]), st.just({}), st.just([[]])
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(PLACES), NONSENSE)
def test_whatever_one_field_says_only_known_errors_come_out(place: tuple[str, tuple[str | int, ...]], new: Any) -> None:
    method, path = place
    source = recorded("commit")[0] if method == "commit" else recorded(method)
    text = json.dumps(replaced(source, path, new))
    with answering({**real(), method: lambda _: json.loads(text)}) as url:
        try:
            ask(driver(url), method)
        except NodeopsError as error:
            assert error.what.isprintable()


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: replaced(value[step], rest, new)}
    return [replaced(child, rest, new) if index == step else child for index, child in enumerate(value)]


@pytest.mark.parametrize(
    ("bind", "url"),
    [("127.0.0.1", "http://127.0.0.1:26657"), ("0.0.0.0", "http://127.0.0.1:26657"), ("::", "http://[::1]:26657")],
)
def test_the_rpc_is_reached_where_the_document_says(node_document: NodeDocument, bind: str, url: str) -> None:
    port = node_document.ledger.ports["rpc"].model_copy(update={"bind": bind, "port": 26657})
    ledger = node_document.ledger.model_copy(update={"ports": {"rpc": port}})
    assert rpc_url(node_document.model_copy(update={"ledger": ledger})) == url


def test_the_driver_is_chosen_by_the_profile(node_document: NodeDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(driver_for(node_document), CometBft)
    monkeypatch.setattr("nodeops.ledger.driver.DRIVERS", {})
    with pytest.raises(InputError, match="unknown driver"):
        driver_for(node_document)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running_ledger(tmp_path_factory.mktemp("ledger")) as started:
        yield started


@pytest.mark.lab
def test_a_real_process_answers_every_question(process: Process) -> None:
    node = CometBft(Rpc(process.url), process.chain)
    process.wait_for_height(3)
    sent = node.broadcast(b"key/1=value")
    process.wait_for_height(node.status().height + 2)
    status = node.status()
    assert {commit.signers for commit in node.commits(1, status.height - 1)} == {frozenset({status.validator_address})}
    assert node.validators().total_power == status.voting_power > 0
    assert node.peers() == []
    assert node.peer_heights() == {}
    assert node.query(b"key/1") == b"value"
    assert node.transaction(sent)["hash"] == node.search("key/1")[0]["hash"] == sent
    with pytest.raises(HostError, match="refuses the transaction"):
        node.broadcast(b"no equals sign")
    with pytest.raises(HostError, match="must be less than or equal"):
        node.app_hash(status.height + 1000)
    with pytest.raises(HostError, match="is a node of chain"):
        CometBft(Rpc(process.url), "another").status()
