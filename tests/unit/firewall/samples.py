"""A consortium with IPv4, IPv6 and named members, and the rules of one of its nodes."""

from collections.abc import Collection
from typing import Any

from nodeops.document.models import Consortium, NodeDocument
from nodeops.document.resolve import resolve
from nodeops.firewall.rules import RuleSet, named_hosts, rules_for

_NODES = {
    "a-1": "10.0.0.1",
    "a-2": "10.0.0.2",
    "b-1": "2001:db8::1",
    "b-2": "node.b.example",
}
RESOLVED = {"node.b.example": ["198.51.100.7", "2001:db8:7::1"]}
OPERATORS = ["192.0.2.0/24", "2001:db8:5::/64"]


def consortium(answering: Collection[str] = ()) -> Consortium:
    """Return the consortium, in which some nodes answer members."""
    members = {
        name: {"organisation": name[0], "duty": "validator", "power": 1, "address": address, "answers_members": name in answering}
        for name, address in _NODES.items()
    }
    return Consortium.model_validate(
        {
            "consortium": "test",
            "revision": 1,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "test-1"},
            "organisations": {"a": {}, "b": {}},
            "nodes": members,
            "monitors": {"mon": {"organisation": "a", "address": "10.0.0.9"}},
            "repositories": {"keep": {"organisation": "a", "address": "10.0.0.8"}},
        }
    )


def document(
    node: str = "a-1", hardening: dict[str, Any] | None = None, answering: Collection[str] = (), **firewall: Any
) -> NodeDocument:
    """Return the document of a node with choices of its firewall, and of hardening, in a consortium where some answer members."""
    return resolve(consortium(answering), node, {"firewall": {"operators": OPERATORS, **firewall}, "hardening": hardening or {}})


def rules(written: NodeDocument) -> RuleSet:
    """Return the rules of a document, with names resolved as RESOLVED says."""
    return rules_for(written, {host: RESOLVED.get(host, [host]) for host in named_hosts(written).values()})
