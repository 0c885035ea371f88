"""The CometBFT driver: recorded answers of a real network of four, the same answers bent into lies, and a real process."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nodeops.core.errors import HostError, InputError
from nodeops.ledger.answers import Signing, signing
from nodeops.ledger.cometbft.answers import validator_address
from nodeops.ledger.cometbft.driver import CometBft, rpc_url
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.driver import driver_for
from tests.unit.ledger.ledger_process import Process, running_ledger
from tests.unit.ledger.network_made import CHAIN, COMMITS, document, real
from tests.unit.ledger.rpc_server import answering, recorded

HEIGHTS = sorted(map(int, COMMITS), reverse=True)
PATIENT = 60.0


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
    assert signing(commits, ["F" * 40]) == {
        **dict.fromkeys(sorted(commits[0].signers), Signing(3, 3, HEIGHTS[0])),
        "F" * 40: Signing(0, 3, None),
    }
    assert signing(commits[1:], [])[one] == Signing(2, 2, HEIGHTS[1])


def test_transactions_and_queries(node: CometBft) -> None:
    assert node.broadcast(b"gamma=1") == recorded("broadcast_tx_sync")["hash"]
    assert node.transaction(recorded("tx")["hash"]) == recorded("tx")
    assert list(node.search("alpha/1")) == recorded("tx_search")["txs"]
    assert node.state("", b"alpha/1") == recorded("abci_query")["response"]
    assert node.signed_header(HEIGHTS[0])["header"]["height"] == str(HEIGHTS[0])


@pytest.mark.parametrize("key", ["", "a'b", 'a"b', "a\\b", "a b", "a\n", "x" * 401])
def test_a_search_key_cannot_leave_its_quotes(node: CometBft, key: str) -> None:
    with pytest.raises(InputError):
        node.search(key)


@pytest.mark.parametrize("text", ["", "zz", "AB" * 31, "AB" * 32 + "\n"])
def test_a_transaction_hash_is_64_hex_digits(node: CometBft, text: str) -> None:
    with pytest.raises(InputError):
        node.transaction(text)


def paged(params: Mapping[str, str], *, moved: bool = False, short: bool = False) -> dict[str, Any]:
    whole = recorded("validators")
    page, size = int(params["page"]), 2
    part = whole["validators"][(page - 1) * size : page * size - (1 if short and page == 2 else 0)]
    height = str(int(whole["block_height"]) + (1 if moved and page == 2 else 0))
    return {"block_height": height, "validators": part, "count": str(len(part)), "total": "4"}


@pytest.mark.parametrize(("how", "said"), [({}, ""), ({"moved": True}, "asked for height"), ({"short": True}, "lists 3")])
def test_pages_of_validators_are_put_together(how: dict[str, bool], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodeops.ledger.cometbft.driver._PAGE", 2)
    with answering({"validators": lambda params: paged(params, **how)}) as url:
        if said:
            with pytest.raises(HostError, match=said):
                driver(url).validators()
        else:
            assert len(driver(url).validators().validators) == 4


@pytest.mark.parametrize(
    ("bind", "url"),
    [("127.0.0.1", "http://127.0.0.1:26657"), ("0.0.0.0", "http://127.0.0.1:26657"), ("::", "http://[::1]:26657")],
)
def test_the_rpc_is_reached_where_the_document_says(tmp_path: Path, bind: str, url: str) -> None:
    assert rpc_url(document(tmp_path, 26657, bind=bind)) == url


def test_the_driver_is_chosen_by_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(driver_for(document(tmp_path, 26657)), CometBft)
    monkeypatch.setattr("nodeops.ledger.driver.DRIVERS", {})
    with pytest.raises(InputError, match="unknown driver"):
        driver_for(document(tmp_path, 26657))


@pytest.mark.parametrize(("at", "height"), [("7/0/1", 7), ("7/0/2", 8), ("7/0/3", 8), ("7/0/8", 8), ("7/1/3", 8)])
def test_a_block_is_open_as_long_as_its_making_has_not_begun(at: str, height: int) -> None:
    with answering({"consensus_state": {"round_state": {"height/round/step": at, "proposer": {}}}}) as url:
        assert CometBft(Rpc(url), CHAIN).open_height() == height


@pytest.mark.parametrize("at", ["7/0", "7/0/9", "-7/0/1", f"{'9' * 5000}/0/1", None])
def test_a_place_that_cannot_be_is_a_clear_error(at: str | None) -> None:
    told, said = {"consensus_state": {"round_state": {"height/round/step": at}}}, "the answer cannot be true: round_state"
    with answering(told) as url, pytest.raises(HostError, match=said):
        CometBft(Rpc(url), CHAIN).open_height()


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
    assert node.open_height() > status.height
    assert base64.b64decode(node.state("", b"key/1")["value"]) == b"value"
    assert node.transaction(sent)["hash"] == next(node.search("key/1"))["hash"] == sent
    with pytest.raises(HostError, match="refuses the transaction"):
        node.broadcast(b"no equals sign")
    with pytest.raises(HostError, match="must be less than or equal"):
        node.app_hash(status.height + 1000)
    with pytest.raises(HostError, match="is a node of chain"):
        CometBft(Rpc(process.url), "another").status()


def metas(heights: list[int]) -> dict[str, Any]:
    """Answer `blockchain` as CometBFT does: newest first, numbers as text; a block holds as many as its height's last digit."""
    return {"block_metas": [{"header": {"height": str(one), "chain_id": CHAIN}, "num_txs": str(one % 10)} for one in heights]}


def test_transactions_are_counted_twenty_blocks_at_a_time() -> None:
    asked = []

    def answer(params: Mapping[str, Any]) -> Any:
        asked.append((int(params["minHeight"]), int(params["maxHeight"])))
        return metas(list(range(asked[-1][1], asked[-1][0] - 1, -1)))

    with answering({"blockchain": answer}) as url:
        assert driver(url).transactions(1, 45) == sum(one % 10 for one in range(1, 46))
    assert asked == [(1, 20), (21, 40), (41, 45)]


@pytest.mark.parametrize("heights", [[3, 2], [4, 3, 2], []])
def test_a_node_that_answers_other_blocks_is_not_believed(heights: list[int]) -> None:
    with answering({"blockchain": metas(heights)}) as url, pytest.raises(HostError, match="asked for the heights 1 to 3"):
        driver(url).transactions(1, 3)
