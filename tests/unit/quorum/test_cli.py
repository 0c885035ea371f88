"""`nodeops quorum gate` as it is called, with a node that answers and one that does not."""

import json
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
        monkeypatch.setattr("nodeops.quorum.cli.time.time", lambda: moment.timestamp() + 1)
        code, out, _ = run("quorum", "gate", "--json", "--document", file)
        said = json.loads(out)
        assert said["why"].startswith("4 of 4 voting power is live, 3 needed, 1 is this node's")
        assert (said["verdict"], code) in (("open", 0), ("wait", 1))
        assert run("quorum", "gate", "--document", file)[0] == code
    code, _, err = run("quorum", "gate", "--document", file)
    assert code == 3
    assert "connection refused" in err
