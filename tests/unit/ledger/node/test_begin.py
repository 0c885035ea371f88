"""What a ledger without blocks is told to begin with is proven by its own genesis, whatever the node says that is asked."""

from pathlib import Path
from typing import Any

import pytest

from nodeops.core.errors import InputError
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.node import begin
from tests.unit.ledger.ledgerd_process import CHAIN, consortium
from tests.unit.ledger.rpc_server import recorded
from tests.unit.records.chain import Chain, served

HEIGHT = 30


@pytest.fixture
def chain() -> Chain:
    made = Chain(name=CHAIN)
    for number in range(HEIGHT):
        made.commit(b"%d=1" % number)
    return made


@pytest.fixture
def host(tmp_path: Path, chain: Chain) -> NodeDocument:
    made = resolve(consortium(), "alpha-1", {})
    (tmp_path / "genesis.json").write_bytes(chain.genesis())
    paths = {**made.ledger.paths, "genesis": str(tmp_path / "genesis.json"), "data": str(tmp_path / "data")}
    own = {**made.paths, "trust_state": str(tmp_path / "trust"), "ledger_begin": str(tmp_path / "run/begin.env")}
    return made.model_copy(update={"paths": own, "ledger": made.ledger.model_copy(update={"paths": paths})})


def newest(height: int) -> Any:
    def answer(method: str, result: Any) -> Any:
        sync = {**recorded("status")["sync_info"], "latest_block_height": str(height), "earliest_block_height": "1"}
        return {**result, "sync_info": sync} if method == "status" else result

    return answer


def test_the_block_is_one_that_follows_from_the_genesis(chain: Chain, host: NodeDocument) -> None:
    with served(chain, newest(HEIGHT + 2100 - 10)) as port:
        found = begin.plan(host, f"http://127.0.0.1:{port}")
    assert found is not None
    block, change = found
    assert (block.height, block.hash) == (HEIGHT - 10, chain.signed_header(HEIGHT - 10)["commit"]["block_id"]["hash"])
    assert "signed by 4 of 4" in change.after


def test_a_young_chain_is_begun_with_its_first_block(chain: Chain, host: NodeDocument) -> None:
    with served(chain, newest(HEIGHT)) as port:
        assert begin.checkpoint(host, f"http://127.0.0.1:{port}").height == 1


def test_a_node_of_another_chain_of_the_same_name_is_not_believed(chain: Chain, host: NodeDocument) -> None:
    other = Chain((1,) * 8, CHAIN)
    other.seats = other.seats[4:]
    other.commit(b"a=b")
    with served(other, newest(1)) as port, pytest.raises(ProofError):
        begin.plan(host, f"http://127.0.0.1:{port}")


def test_a_ledger_that_has_begun_asks_nobody(host: NodeDocument) -> None:
    (Path(host.ledger.paths["data"]) / "blockstore.db").mkdir(parents=True)
    assert begin.plan(host, "http://127.0.0.1:1") is None


def test_a_platform_without_states_is_refused(host: NodeDocument) -> None:
    paths = {name: path for name, path in host.ledger.paths.items() if name != "app_config"}
    with pytest.raises(InputError):
        begin.plan(host.model_copy(update={"ledger": host.ledger.model_copy(update={"paths": paths})}), "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url", ["", "192.0.2.1", "https://192.0.2.1:1", "http://192.0.2.1:1/x", "http://192.0.2.1:1\nA=b", "http://192.0.2.1\n:1"]
)
def test_what_is_no_address_is_refused_before_anything_is_written(host: NodeDocument, url: str) -> None:
    with pytest.raises(InputError):
        begin.plan(host, url)
    assert not Path(host.paths["ledger_begin"]).exists()


def test_the_unit_reads_what_was_proven(chain: Chain, host: NodeDocument) -> None:
    with served(chain, newest(HEIGHT)) as port:
        url = f"http://127.0.0.1:{port}"
        block = begin.checkpoint(host, url)
    begin.carry_out(host, url, block)
    file = Path(host.paths["ledger_begin"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().splitlines() == [
        "LEDGERD_STATESYNC_ENABLE=true",
        f"LEDGERD_STATESYNC_RPC_SERVERS={url},{url}",
        "LEDGERD_STATESYNC_TRUST_HEIGHT=1",
        f"LEDGERD_STATESYNC_TRUST_HASH={block.hash}",
    ]
