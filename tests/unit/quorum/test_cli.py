"""`nodeops quorum gate` as it is called, with a node that answers and one that does not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeops.document.host import load_node_document
from nodeops.ledger.driver import driver_for
from tests.unit.ledger.test_cli import Run, node, run

__all__ = ["run"]


def test_quorum_gate(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with node(tmp_path) as file:
        code, out, _ = run("quorum", "gate", "--json", "--document", file)
        # The recorded blocks are old by now.
        assert (code, json.loads(out)["why"]) == (0, "the chain stands already")
        moment = driver_for(load_node_document(file)).status().block_time
        assert moment is not None
        monkeypatch.setattr("nodeops.quorum.leave.time.time", lambda: moment.timestamp() + 1)
        code, out, _ = run("quorum", "gate", "--json", "--document", file)
        said = json.loads(out)
        assert said["why"].startswith("4 of 4 voting power is live, 3 needed, 1 is this node's")
        assert (said["verdict"], code) in (("open", 0), ("wait", 1))
        assert run("quorum", "gate", "--document", file)[0] == code
    code, _, err = run("quorum", "gate", "--document", file)
    assert code == 3
    assert "connection refused" in err


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the node document of one of four validators, whose recorded blocks are new."""
    with node(tmp_path) as file:
        found = load_node_document(file)
        own = driver_for(found).status().validator_address
        addresses = [own, *(one.address for one in driver_for(found).validators().validators if one.address != own)]
        names = [one.name for one in found.members]
        genesis = {"validators": [{"name": name, "address": one} for name, one in zip(names, addresses, strict=False)]}
        Path(found.ledger.paths["genesis"]).write_text(json.dumps(genesis))
        moment = driver_for(found).status().block_time
        assert moment is not None
        monkeypatch.setattr("nodeops.quorum.leave.time.time", lambda: moment.timestamp() + 1)
        yield file


def test_status_says_who_signs_what_is_needed_and_who_may_go(moving: Path, run: Run) -> None:
    code, out, _ = run("quorum", "status", "--json", "--document", moving)
    said = json.loads(out)
    assert (code, said["power"]) == (0, {"total": 4, "live": 4, "needed": 3, "margin": 1})
    assert (said["leases"], len(said["may_go"])) == (None, 4)
    code, out, _ = run("quorum", "status", "--document", moving)
    assert "4 of 4 signing, 3 needed, margin 1; any one of a, b, c, d may go, after that none" in out
    assert "this ledger has no authors, so there are no leases" in out


@pytest.mark.usefixtures("brief_watch")
def test_of_a_chain_that_stands_nobody_is_said_to_be_live(moving: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodeops.quorum.leave.time.time", lambda: 4e9)
    code, out, _ = run("quorum", "status", "--json", "--document", moving)
    said = json.loads(out)
    assert (code, said["may_go"], said["power"]) == (1, [], {"total": 4, "live": None, "needed": 3, "margin": None})
    assert {one["signs"] for one in said["voters"]} == {None}
    code, out, _ = run("quorum", "status", "--document", moving)
    assert (code, "3 of 4 must sign; who is live nobody can tell" in out, "yes" in out) == (1, True, False)
    assert run("quorum", "check", "--down", "b", "--document", moving)[0] == 1


def test_check_says_whether_blocks_go_on_without_these(moving: Path, run: Run) -> None:
    code, out, _ = run("quorum", "check", "--down", "b", "--document", moving)
    assert (code, "4 of 4 signing, 3 needed; b may go, after that none" in out) == (0, True)
    code, out, _ = run("quorum", "check", "--down", "b", "--down", "c,b", "--json", "--document", moving)
    said = json.loads(out)
    assert (code, said["allowed"], said["down"], said["left"]) == (1, False, ["b", "c"], -1)
    assert said["findings"][0]["actual"] == "4 of 4 signing, 3 needed; b and c may not go together"
    code, _, err = run("quorum", "check", "--down", "z", "--document", moving)
    assert (code, "'z': no node" in err, "a, b, c, d" in err) == (2, True, True)


def test_peers_that_say_there_are_newer_blocks_are_told_of(moving: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodeops.ledger.cometbft.driver.CometBft.peer_heights", lambda _: {"0" * 40: 10**6})
    code, out, _ = run("quorum", "status", "--document", moving)
    assert (code, f"peers say more: {'0' * 40} (unknown) 1000000" in out) == (0, True)


@pytest.mark.parametrize(
    "words",
    [["list"], ["release"], ["acquire", "--for", "5m", "--reason", "x"], ["renew", "--for", "5m"]],
    ids=lambda one: one[0],
)
def test_a_ledger_without_authors_says_plainly_that_leases_need_one(moving: Path, run: Run, words: list[str]) -> None:
    code, _, err = run("quorum", "lease", *words, "--document", moving)
    assert (code, "leases need a ledger that knows who wrote an entry; cometbft does not" in err) == (2, True)


@pytest.mark.parametrize("reason", ["\x1b[2J", " ", "x" * 201])
def test_force_needs_a_reason_that_can_be_written_down(run: Run, reason: str) -> None:
    code, _, err = run("lifecycle", "restart", "--force", reason)
    assert (code, "is no reason" in err) == (2, True)
