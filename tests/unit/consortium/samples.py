"""A consortium of three organisations with four validators and a witness, and revisions of it."""

import copy
from collections.abc import Callable
from typing import Any

from nodeops.document.models import Consortium
from tests.unit.ledger.made_keys import pair

Tree = dict[str, Any]
NODES = {"alpha-1": 1, "alpha-2": 1, "beta-1": 1, "gamma-1": 1, "beta-2": 0}


def tree() -> Tree:
    nodes: Tree = {
        name: {"organisation": name.split("-")[0], "address": f"192.0.2.{place}"} for place, name in enumerate(NODES, 1)
    }
    for name, power in NODES.items():
        nodes[name] |= {"duty": "validator", "power": power} if power else {"duty": "witness"}
    return {
        "consortium": "made-up",
        "revision": 1,
        "threshold": 2,
        "ledger": {"platform": "cosmos", "version": "v0.1.0", "chain": "made-up-1"},
        "organisations": {name: {"account": pair(name)[1]} for name in ("alpha", "beta", "gamma")},
        "nodes": nodes,
    }


def first() -> Consortium:
    return Consortium.model_validate(tree())


def changed(*changes: Callable[[Tree], Any], since: Tree | None = None) -> Consortium:
    """Return the next revision, changed by each function."""
    new = copy.deepcopy(since or tree())
    new["revision"] += 1
    for change in changes:
        change(new)
    return Consortium.model_validate(new)


def admit(node: str, power: int = 1) -> Callable[[Tree], Any]:
    return lambda new: new["nodes"][node].update(duty="validator", power=power)


def witness(name: str, organisation: str, place: int = 99) -> Callable[[Tree], Any]:
    node = {"organisation": organisation, "duty": "witness", "address": f"192.0.2.{place}"}
    return lambda new: new["nodes"].update({name: node})


def retire(node: str) -> Callable[[Tree], Any]:
    def change(new: Tree) -> None:
        new["nodes"][node]["duty"] = "witness"
        new["nodes"][node].pop("power", None)

    return change


def drop(node: str) -> Callable[[Tree], Any]:
    return lambda new: new["nodes"].pop(node)


def power(node: str, share: int) -> Callable[[Tree], Any]:
    return lambda new: new["nodes"][node].update(power=share)


def organisation(name: str) -> Callable[[Tree], Any]:
    return lambda new: new["organisations"].update({name: {"account": pair(name)[1]}})


def account(name: str, key: str) -> Callable[[Tree], Any]:
    return lambda new: new["organisations"][name].update(account=pair(key)[1])


def without(name: str) -> Callable[[Tree], Any]:
    return lambda new: new["organisations"].pop(name)


def threshold(count: int) -> Callable[[Tree], Any]:
    return lambda new: new.update(threshold=count)


def ledger(**other: Any) -> Callable[[Tree], Any]:
    return lambda new: new["ledger"].update(other)
