"""`nodeops status` and `nodeops ledger status|peers|validators|gate|wait`: output for people and machines, and exit codes."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.core.errors import InputError, Timeout
from nodeops.document.host import load_node_document
from nodeops.ledger.driver import driver_for
from nodeops.ledger.node.wait import Goal, wait_for
from tests.unit.ledger.network_made import NEWEST, OWN, document, real, settled
from tests.unit.ledger.rpc_server import answering, recorded

Run = Callable[..., tuple[int, str, str]]


@contextmanager
def node(folder: Path, **changes: Any) -> Iterator[Path]:
    """Serve the recorded answers, and yield the file of the node document that leads to them."""
    methods = {**real(), "status": settled(), **changes}
    with answering({name: answer for name, answer in methods.items() if answer}) as url:
        file = folder / "node.json"
        file.write_text(document(folder, int(url.rsplit(":", 1)[1])).model_dump_json())
        yield file


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


def test_status_of_a_node_whose_chain_stands(tmp_path: Path, run: Run) -> None:
    with node(tmp_path) as file:
        code, out, _ = run("status", "--json", "--document", file)
        data = json.loads(out)
        # The recorded blocks are old by now: the chain they are of stands.
        assert (code, data["running"], data["height"]) == (1, True, NEWEST + 1)
        assert {one["id"]: one["verdict"] for one in data["findings"]}["ledger.block_age"] == "fail"
        code, out, _ = run("status", "--document", file)
        assert code == 1
        assert "3 of the last 3 commits" in out


def test_status_of_a_node_that_moves(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with node(tmp_path) as file:
        first = json.loads(run("status", "--json", "--document", file)[1])
        moment = first["clock"] - first["block_age_seconds"] + 1
        monkeypatch.setattr("nodeops.ledger.node.observe.time.time", lambda: moment)
        code, out, _ = run("status", "--json", "--document", file)
        # Both ages are rounded to a thousandth.
        assert (code, json.loads(out)["block_age_seconds"]) == (0, pytest.approx(1.0, abs=0.002))


def test_status_of_a_node_that_does_not_run_is_no_error(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "node.json"
    with node(tmp_path) as gone:
        file.write_text(gone.read_text())
    code, out, err = run("status", "--json", "--document", file)
    data = json.loads(out)
    assert (code, data["running"], data["height"], err) == (1, False, None, "")
    assert "connection refused" in data["error"]
    assert "not running" in run("status", "--document", file)[1]


def test_status_without_a_node_document(tmp_path: Path, run: Run) -> None:
    code, _, err = run("status", "--document", tmp_path / "absent")
    assert code == 3
    assert "no node document" in err


def test_ledger_status(tmp_path: Path, run: Run) -> None:
    with node(tmp_path) as file:
        code, out, _ = run("ledger", "status", "--json", "--document", file)
        assert (code, json.loads(out)["validator_address"]) == (0, OWN)
        assert OWN in run("ledger", "status", "--document", file)[1]
    code, _, err = run("ledger", "status", "--document", file)
    assert code == 3
    assert "connection refused" in err


def test_ledger_peers(tmp_path: Path, run: Run) -> None:
    net_info = recorded("net_info")
    net_info["peers"][0] |= {"remote_ip": "10.0.0.2", "is_outbound": True}
    with node(tmp_path, net_info=net_info) as file:
        data = json.loads(run("ledger", "peers", "--json", "--document", file)[1])
        assert [peer["name"] for peer in data["peers"]] == ["b", None, None]
        assert all(peer["height"] for peer in data["peers"])
        assert data["missing"] == ["c", "d"]
        assert "c, d" in run("ledger", "peers", "--document", file)[1]


def test_ledger_validators(tmp_path: Path, run: Run) -> None:
    with node(tmp_path) as file:
        data = json.loads(run("ledger", "validators", "--json", "--document", file)[1])
        assert data["power"] == {"total": 4, "live": 4, "needed": 3, "margin": 1}
        assert data["own_address"] == OWN
        assert [one["signed"] for one in data["validators"]] == [3] * 4
        out = run("ledger", "validators", "--document", file)[1]
        assert "power: 4 of 4 live, 3 needed, margin 1" in out
        assert "this node" in out


def growing() -> Callable[[Any], Any]:
    """Return an answer to `status` whose chain is one block longer each time, and out of block sync from its third block."""
    heights = itertools.count(1)

    def answer(_: Any) -> Any:
        raw, height = recorded("status"), next(heights)
        raw["sync_info"] |= {"latest_block_height": str(height), "earliest_block_height": "1", "catching_up": height < 3}
        return raw

    return answer


def claiming(*heights: int) -> dict[str, Any]:
    """Return an answer to `dump_consensus_state` in which each peer works on the block after a height."""
    ids = [f"{number:040x}@10.0.0.9:1" for number in range(len(heights))]
    states = [{"round_state": {"height": str(height + 1)}} for height in heights]
    return {"peers": [{"node_address": node_id, "peer_state": state} for node_id, state in zip(ids, states, strict=True)]}


@pytest.mark.parametrize(
    ("goal", "height"), [(["--height", "2"], 2), (["--height", "1"], 1), (["--blocks", "2"], 3), (["--synced"], 4)]
)
def test_wait_until_it_happens(tmp_path: Path, run: Run, goal: list[str], height: int) -> None:
    with node(tmp_path, status=growing(), dump_consensus_state=claiming(5, 5)) as file:
        code, out, _ = run("ledger", "wait", *goal, "--json", "--document", file)
    assert (code, json.loads(out)["height"]) == (0, height)


def alone() -> dict[str, Any]:
    raw: dict[str, Any] = recorded("validators")
    return raw | {"validators": [one for one in raw["validators"] if one["address"] == OWN], "total": "1"}


@pytest.mark.parametrize(
    ("changes", "height"),
    [
        ({"dump_consensus_state": claiming(5, 5, 5)}, 4),
        ({"dump_consensus_state": claiming(2, 6, 1 << 60)}, 5),
        ({"dump_consensus_state": claiming(), "validators": alone()}, 3),
    ],
    ids=["out of block sync but behind", "one peer boasts", "a chain of one"],
)
def test_synced_means_in_step_with_the_peers(tmp_path: Path, changes: dict[str, Any], height: int) -> None:
    with node(tmp_path, status=growing(), **changes) as file:
        seen = wait_for(driver_for(load_node_document(file), 60.0), Goal(synced=True), 60, lambda _: None)
    assert seen.height == height


def test_a_node_whose_peers_say_nothing_yet_is_not_synced(tmp_path: Path) -> None:
    with node(tmp_path, dump_consensus_state=claiming()) as file, pytest.raises(Timeout, match="the node to catch up"):
        wait_for(driver_for(load_node_document(file), 60.0), Goal(synced=True), 0.5, lambda _: None)


def test_wait_gives_up_with_exit_code_5(tmp_path: Path, run: Run) -> None:
    with node(tmp_path) as file:
        code, out, err = run("ledger", "wait", "--height", NEWEST + 2, "--timeout", "1", "--json", "--document", file)
    assert code == 5
    assert json.loads(out)["error"]["kind"] == "timeout"
    assert f"for height {NEWEST + 2}" in err


@pytest.mark.parametrize(
    ("changes", "seen"),
    [({}, f"last seen: height {NEWEST + 1}"), ({"status": None}, "last seen: the ledger says: Method not found")],
)
def test_who_gives_up_tells_what_was_seen_last(tmp_path: Path, changes: dict[str, Any], seen: str) -> None:
    told: list[str] = []
    with node(tmp_path, **changes) as file, pytest.raises(Timeout, match=seen):
        wait_for(driver_for(load_node_document(file), 60.0), Goal(blocks=2), 0.5, told.append)
    assert all("waiting for" in text for text in told)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--height", "1", "--synced"],
        ["--height", "0"],
        ["--blocks", "-1"],
        ["--height", "x"],
        ["--synced", "--timeout", "0"],
        ["--synced", "--timeout", "nan"],
    ],
)
def test_wait_refuses_what_makes_no_sense(tmp_path: Path, run: Run, arguments: list[str]) -> None:
    with node(tmp_path) as file:
        assert run("ledger", "wait", *arguments, "--document", file)[0] == 2


@pytest.mark.parametrize(
    "goal", [{}, {"height": 1, "blocks": 1}, {"blocks": 1, "synced": True}, {"height": 1, "blocks": 1, "synced": True}]
)
def test_a_goal_is_exactly_one_thing(goal: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Goal(**goal)
