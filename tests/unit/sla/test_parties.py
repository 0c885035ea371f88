"""Whether a contract says of nodes what this host knows of them, by tables; and the verb where no node runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.sla.parties import advice, contradictions, outsiders
from tests.unit.quorum.lease.chain_hosts import members
from tests.unit.sla.samples import CONTRACT, ONE, OTHER, TWO, contract

OWNERS = {"alpha-1": "alpha", "gamma-1": "gamma", "gamma-2": "gamma"}
FOUNDERS = {"alpha-1": OTHER, "gamma-1": ONE, "gamma-2": TWO}


def document(**changed: str) -> NodeDocument:
    found = resolve(members({**OWNERS, **changed}), "alpha-1", {})
    assert isinstance(found, NodeDocument)
    return found


def nodes(**addresses: str) -> dict[str, Any]:
    return {"kind": "peer-nodes", "nodes": {name.replace("_", "-"): address for name, address in addresses.items()}}


@pytest.mark.parametrize(
    ("changed", "leases", "says"),
    [
        ({}, True, []),
        ({"chain": "another"}, True, ["chain: is about chain another"]),
        ({}, False, ["maintenance: there are no leases on cosmos, so nothing can be maintenance"]),
        ({"maintenance": None}, False, []),
        ({"service": nodes(gamma_1=OTHER)}, True, ["service.nodes.gamma-1: is the address of alpha-1, as the genesis says"]),
        (
            {"service": nodes(gamma_1=TWO, gamma_2=ONE)},
            True,
            [f"service.nodes.gamma-{one}: is the address of gamma-{3 - one}, as the genesis says" for one in (1, 2)],
        ),
        ({"service": nodes(gamma_1="4" * 40)}, True, []),
        ({"service": nodes(gamma_9="9" * 40)}, True, []),
    ],
)
def test_what_contradicts_the_chain(changed: dict[str, Any], leases: bool, says: list[str]) -> None:
    found = contradictions(contract(**changed), document(), FOUNDERS, leases)
    assert [str(one).splitlines()[0] for one in found] == says


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, []),
        ({"customer": "delta"}, ["customer: delta has no node in the consortium"]),
        ({"provider": "alpha", "customer": "gamma"}, [f"service.nodes.gamma-{one}: is gamma's, not alpha's" for one in (1, 2)]),
        ({"service": nodes(gamma_9="9" * 40)}, ["service.nodes.gamma-9: is no node of the consortium"]),
    ],
)
def test_nodes_that_are_not_the_providers(changed: dict[str, Any], says: list[str]) -> None:
    assert [str(one).splitlines()[0] for one in outsiders(contract(**changed), document())] == says


def test_a_witness_cannot_be_measured_and_the_reason_is_said() -> None:
    one = document()
    witness = one.members[2].model_copy(update={"duty": "witness", "power": 0})
    seen = one.model_copy(update={"members": [*one.members[:2], witness]})
    (found,) = outsiders(contract(), seen)
    assert found.where == f"service.nodes.{witness.name}"
    assert found.what.startswith("does not vote: how well it serves is seen by monitors' probes alone")


def test_what_may_not_be_meant_is_said() -> None:
    seen = document()
    assert advice(contract(), seen, FOUNDERS) == []
    (slow,) = advice(
        contract(slice_seconds=10),
        seen.model_copy(update={"ledger": seen.ledger.model_copy(update={"block_seconds": 5.0})}),
        FOUNDERS,
    )
    (other,) = advice(contract(service=nodes(gamma_1="4" * 40)), seen, FOUNDERS)
    assert (slow.id, other.id) == ("sla.short_slices", "sla.other_key")


def test_on_a_machine_without_a_node_the_file_alone_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nodeops.sla.verbs.host_paths", lambda: {"document": str(tmp_path / "none.json")})
    (tmp_path / "contract.yml").write_text(CONTRACT)
    with pytest.raises(SystemExit) as left:
        main(["sla", "check", str(tmp_path / "contract.yml")])
    assert not left.value.code
    assert "not compared with a chain: this host runs no node" in " ".join(capsys.readouterr().out.split())
    (tmp_path / "contract.yml").write_text(CONTRACT.replace('"99.9"', "99.9"))
    with pytest.raises(SystemExit) as left:
        main(["sla", "check", str(tmp_path / "contract.yml"), "--json"])
    assert left.value.code == 2
    assert "objective: Input should be a valid string" in json.loads(capsys.readouterr().out)["error"]["what"]
