"""What was followed is kept in a file beside nothing secret, and a checkpoint is a block that follows from the genesis."""

import json
from pathlib import Path

import pytest

from nodeops.cli import main
from nodeops.core.errors import HostError
from nodeops.document.models import NodeDocument
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.proof import ProofError
from tests.unit.ledger.cometbft.test_follow import CHAIN, HEADERS, NEWEST, Node, followed, follower, raw_set
from tests.unit.ledger.network_made import CHAIN as RECORDED
from tests.unit.ledger.network_made import document
from tests.unit.records.chain import Chain, served


def host(folder: Path) -> NodeDocument:
    """A host of the chain whose validators change, with a folder for what is kept."""
    made = document(folder, 1)
    validators = [{"pub_key": one["pub_key"], "power": one["voting_power"]} for one in raw_set(1)]
    (folder / "genesis.json").write_text(json.dumps({"chain_id": CHAIN, "validators": validators, "initial_height": "0"}))
    paths = {**made.paths, "trust_state": str(folder / "trust")}
    return made.model_copy(update={"paths": paths, "ledger": made.ledger.model_copy(update={"chain": CHAIN})})


def test_the_second_time_is_one_question(tmp_path: Path) -> None:
    first, second = Node(), Node()
    assert open_follower(host(tmp_path), first).block(NEWEST).height == NEWEST
    assert open_follower(host(tmp_path), second).block(NEWEST).height == NEWEST
    assert second.asked == [NEWEST]
    assert len(first.asked) > 5


def test_several_nodes_go_on_from_one_way_and_none_is_led_by_what_another_shows() -> None:
    base, liar, honest = follower(Node(), followed()), Node(), Node()
    liar.lie(NEWEST, HEADERS[NEWEST - 1], None)
    with pytest.raises(ProofError):
        base.through(liar).block(NEWEST)
    assert base.through(honest).block(NEWEST).height == NEWEST
    assert honest.asked == [NEWEST]
    first, again = follower(Node()), Node()
    first.through(Node()).block(NEWEST)
    assert first.through(again).block(NEWEST).height == NEWEST
    assert len(again.asked) > 5


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff" * 100])
def test_a_damaged_file_is_followed_anew_and_written_anew(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "trust" / f"{CHAIN}.json"
    open_follower(host(tmp_path), Node()).block(NEWEST)
    good = file.read_bytes()
    file.write_bytes(damage)
    open_follower(host(tmp_path), Node()).block(NEWEST)
    assert file.read_bytes() == good


def test_without_a_genesis_nothing_is_followed(tmp_path: Path) -> None:
    told = host(tmp_path)
    (tmp_path / "genesis.json").unlink()
    with pytest.raises(HostError) as refused:
        open_follower(told, Node())
    assert refused.value.hint


def test_a_checkpoint_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain = Chain(name=RECORDED)
    for number in range(3):
        chain.commit(b"%d=1" % number)
    (tmp_path / "genesis.json").write_bytes(chain.genesis())

    def answer(height: int, lie: bool = False) -> tuple[int, dict[str, object]]:
        def lying(method: str, result: dict[str, object]) -> dict[str, object]:
            return {"signed_header": chain.signed_header(1)} if lie and method == "commit" else result

        with served(chain, lying) as port, pytest.raises(SystemExit) as left:
            (tmp_path / "node.json").write_text(document(tmp_path, port).model_dump_json())
            main(["ledger", "checkpoint", "--json", "--height", str(height), "--document", str(tmp_path / "node.json")])
        return int(left.value.code or 0), json.loads(capsys.readouterr().out)

    code, told = answer(2)
    assert (code, told["height"], told["hash"]) == (0, 2, chain.signed_header(2)["commit"]["block_id"]["hash"])
    assert answer(2, lie=True)[0] == 3
