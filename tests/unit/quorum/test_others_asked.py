"""When nodes of other organisations are asked at all, and what the verbs say of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.core.errors import Refused
from nodeops.document.models import NodeDocument
from nodeops.quorum import leave, others
from tests.unit.ledger.ledgerd_process import CHAIN
from tests.unit.ledger.linked_chain import Linked
from tests.unit.quorum.other_hosts import BESIDE, STEADY, host, network, no_leases

__all__ = ["host", "network", "no_leases"]


def test_others_are_asked_before_a_node_goes_and_before_it_is_refused_not_while_it_waits(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, told = list[str](), list[str]()
    compare = others.compare
    monkeypatch.setattr(others, "compare", lambda *those: (asked.append("asked"), compare(*those))[1])
    monkeypatch.setattr(leave, "_PATIENCE_SECONDS", {"closed": 1.2})
    chain, closed = Linked(name=CHAIN).grow(60), Linked(name=CHAIN).grow(60, silent=(3,))
    with host(chain, beta_1=(chain.as_of(2), None)) as document:
        leave.ask(document, BESIDE, 60, told.append)
    assert (len(asked), told) == (1, [])
    with host(closed, beta_1=(closed.as_of(2), None)) as document, pytest.raises(Refused):
        leave.ask(document, BESIDE, 60, told.append)
    assert (len(asked), len(told) > 1) == (2, True)


def test_the_guards_question_asks_nobody_else(host: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(others, "compare", lambda *_: pytest.fail("others were asked"))
    chain = Linked(name=CHAIN).grow(60)
    with host(chain, beta_1=(chain.as_of(2), None)) as document:
        file = tmp_path / "node.json"
        file.write_text(document.model_dump_json())
        with pytest.raises(SystemExit):
            main(["quorum", "gate", "--json", "--document", str(file)])
    assert "4 of 4 voting power is live" in capsys.readouterr().out


def status(capsys: Any, document: NodeDocument, *words: str) -> dict[str, Any]:
    file = Path(document.ledger.paths["genesis"]).parent / "node.json"
    file.write_text(document.model_dump_json())
    with pytest.raises(SystemExit):
        main(["quorum", *words, "--json", "--document", str(file)])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def verdicts(said: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in said["findings"]}


def test_status_and_check_judge_by_the_newest_proven_block(host: Any, network: Linked, capsys: Any) -> None:
    with host(network.until(STEADY), beta_1=(network.as_of(2), None)) as document:
        said, checked = status(capsys, document, "status"), status(capsys, document, "check", "--down", "alpha-1")
    assert (said["height"], said["power"]["live"], said["may_go"]) == (40, 3, [])
    assert verdicts(said)["quorum.lags"] == "warn" and verdicts(said)["quorum.others"] == "pass"
    by_name = {one["node"]: one for one in said["asked"]}
    assert (by_name["beta-1"]["proves"], by_name["gamma-1"]["proves"]) == (40, None)
    assert (checked["allowed"], verdicts(checked)["quorum.lags"]) == (False, "warn")


def test_status_says_that_only_this_node_was_asked(host: Any, network: Linked, capsys: Any) -> None:
    with host(network) as document:
        said = status(capsys, document, "status")
    [one] = [one for one in said["findings"] if one["id"] == "quorum.others"]
    assert (one["verdict"], one["actual"].startswith("judged by alpha-1 (alpha) alone: beta-1 (beta): does not answer")) == (
        "warn",
        True,
    )
