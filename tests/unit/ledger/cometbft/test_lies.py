"""The CometBFT driver against lies: recorded answers of a real network with one thing in them bent."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, NodeopsError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from tests.unit.ledger.network_made import CHAIN, COMMITS, real
from tests.unit.ledger.rpc_server import answering, recorded

HEIGHTS = sorted(map(int, COMMITS), reverse=True)
PATIENT = 60.0


def driver(url: str) -> CometBft:
    return CometBft(Rpc(url, timeout_seconds=PATIENT), CHAIN)


Bend = Callable[[Any], Any]


def bent(method: str, change: Bend) -> dict[str, Any]:
    """Return the recorded answers with one changed in place."""
    answers = real()
    if method == "commit":
        answers["commit"] = lambda params: changed(COMMITS[params["height"]], change)
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
        "abci_query": lambda: node.state("", b"alpha/1"),
        "broadcast_tx_sync": lambda: node.broadcast(b"gamma=1"),
        "tx_search": lambda: list(node.search("alpha/1")),
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


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from leaves(child, (*path, key))


PLACES = [(name, path) for name in sorted(real().keys() - {"commit"}) for path in leaves(recorded(name))] + [
    ("commit", path) for path in leaves(recorded("commit")[0])
]
NONSENSE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=10),
    st.just([]),
    st.just({}),
    st.just([[]]),
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
