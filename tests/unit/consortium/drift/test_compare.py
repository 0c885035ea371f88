"""The file beside the chain, nodes and monitors: what is named as drift, and what is not."""

from typing import Any

import pytest

from nodeops.consortium.drift.compare import OnChain, chain_rows, drift_result, monitor_rows, node_rows
from nodeops.document.resolve import consortium_digest
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.node.status import NodeStatus
from tests.unit.consortium.samples import NODES, first

FILE = first()
KEYS = {name: f"key of {name}" for name in NODES}
POWERS = {KEYS[name]: power for name, power in NODES.items() if power}
MEMBERS = {account_address(one.account): name for name, one in FILE.organisations.items() if one.account}


def chain(**other: Any) -> OnChain:
    return OnChain(**{"mark": mark_of(FILE), "threshold": 2, "organisations": MEMBERS, "powers": POWERS, "height": 9, **other})


def differing(rows: Any) -> list[tuple[str, str, str]]:
    found = drift_result(list(rows), 9)
    assert found.exit_code == int(any(one["verdict"] == "fail" for one in found.data["drift"]))
    return [(one["what"], one["found"], one["verdict"]) for one in found.data["drift"]]


ALPHA = next(iter(MEMBERS))
CHAINS: dict[str, tuple[OnChain, list[tuple[str, str]]]] = {
    "as the file": (chain(), []),
    "a validator less": (
        chain(powers={key: power for key, power in POWERS.items() if key != KEYS["beta-1"]}),
        [("validators", "beta-1 has no power")],
    ),
    "another power": (chain(powers={**POWERS, KEYS["beta-1"]: 3}), [("validators", "beta-1 has power 3")]),
    "a witness that votes": (chain(powers={**POWERS, KEYS["beta-2"]: 1}), [("validators", "beta-2 has power 1")]),
    "a stranger that votes": (
        chain(powers={**POWERS, "x": 1}),
        [("validators", "a validator with key x has power 1")],
    ),
    "a member less": (
        chain(organisations={address: name for address, name in MEMBERS.items() if address != ALPHA}),
        [("organisations", f"{MEMBERS[ALPHA]}'s account is no member")],
    ),
    "a member more": (
        chain(organisations={**MEMBERS, "cosmos1x": "\x1bx"}),
        [("organisations", r"'\x1bx' (cosmos1x) decides")],
    ),
    "another threshold": (chain(threshold=3), [("threshold", "3")]),
}


@pytest.mark.parametrize(("seen", "found"), CHAINS.values(), ids=CHAINS)
def test_the_chain(seen: OnChain, found: list[tuple[str, str]]) -> None:
    assert differing(chain_rows(FILE, KEYS, seen)) == [(what, text, "fail") for what, text in found]


def test_a_newer_revision_in_force_is_named() -> None:
    ((what, text, verdict),) = differing(chain_rows(FILE, KEYS, chain(mark=Mark(2, "0" * 64))))
    assert (what, verdict) == ("revision", "fail")
    assert "an older one" in text


def test_a_validator_whose_key_nobody_published_is_named() -> None:
    keys = {name: key for name, key in KEYS.items() if name != "beta-1"}
    powers = {key: power for key, power in POWERS.items() if key != KEYS["beta-1"]}
    assert differing(chain_rows(FILE, keys, chain(powers=powers))) == [("validators", "its key is not published here", "fail")]


def status(**other: Any) -> NodeStatus:
    """Return what alpha-1 says when all is well."""
    said = {
        "node": "alpha-1",
        "organisation": "alpha",
        "duty": "validator",
        "agent": "1",
        "running": True,
        "peers": sorted(set(NODES) - {"alpha-1"}),
        "revision": 1,
        "document_digest": consortium_digest(FILE),
        "guards": {"firewall": "on"},
        "clock": 1.0,
    }
    return NodeStatus.model_validate({**said, **other})


HOSTS: dict[str, tuple[NodeStatus | str, list[tuple[str, str, str]]]] = {
    "as the file": (status(), []),
    "silent": ("no route", [("node", "no route", "fail")]),
    "an older document": (
        status(document_digest="0" * 64),
        [("document", f"revision 1, digest {'0' * 16}", "fail")],
    ),
    "a peer that is no member": (
        status(peers=[*sorted(set(NODES) - {"alpha-1"}), "delta-1"]),
        [("peers", "connected to delta-1", "fail")],
    ),
    "a peer that is down": (
        status(peers=["alpha-2", "beta-2", "gamma-1"]),
        [("peers", "not connected to beta-1", "warn")],
    ),
    "a ledger that is down": (status(running=False, error="refused"), [("peers", "refused", "fail")]),
    "rules that differ": (status(guards={"firewall": "drift"}), [("firewall", "drift", "fail")]),
    "rules on trial": (status(guards={"firewall": "on trial"}), [("firewall", "on trial", "warn")]),
    "no rules": (status(guards={}), [("firewall", "unknown", "fail")]),
}


@pytest.mark.parametrize(("said", "found"), HOSTS.values(), ids=HOSTS)
def test_a_node(said: NodeStatus | str, found: list[tuple[str, str, str]]) -> None:
    assert differing(node_rows("alpha-1", FILE, said)) == found


ALL = {name: str(node.address) for name, node in FILE.nodes.items()}
WATCHED: dict[str, tuple[dict[str, str] | str, list[tuple[str, str, str]]]] = {
    "as the file": (ALL, []),
    "unreadable": ("no such file", [("targets", "no such file", "fail")]),
    "one that left": ({**ALL, "delta-1": "192.0.2.9"}, [("targets", "asks delta-1 (192.0.2.9)", "fail")]),
    "another address": ({**ALL, "beta-1": "192.0.2.9"}, [("targets", "asks beta-1 (192.0.2.9)", "fail")]),
    "one not yet": (
        {name: address for name, address in ALL.items() if name != "beta-2"},
        [("targets", "does not ask beta-2", "warn")],
    ),
}


@pytest.mark.parametrize(("targets", "found"), WATCHED.values(), ids=WATCHED)
def test_a_monitor(targets: dict[str, str] | str, found: list[tuple[str, str, str]]) -> None:
    assert differing(monitor_rows("m", FILE, targets)) == found
