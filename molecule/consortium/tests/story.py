"""What the tests of this story ask of the chain and of its nodes."""

import time
from typing import Any

import hosts
from members import Controller

PATIENCE_SECONDS = 300


def signing(address: str) -> bool:
    """Tell whether a validator has signed lately, as a node of another organisation sees it."""
    found = hosts.verb("gamma-1", "ledger", "validators", codes=(0, 1))["validators"]
    return any(one["address"] == address and one["live"] for one in found)


def eventually(address: str, votes: bool) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while signing(address) is not votes:
        assert time.monotonic() < until, f"{address} votes: {not votes}"
        time.sleep(1)


def voter(one: Controller) -> str:
    """Return the address of the validator that comes and goes."""
    return str(one.published("beta-2")["validator_address"])


def drift(one: Controller, code: int) -> set[tuple[str, str, str]]:
    """Return what differs from the file; peers that are not connected this second are for `fleet status`."""
    found = one.says("drift", code=code)["drift"]
    return {(row["where"], row["what"], row["found"]) for row in found if row["verdict"] == "fail"}


def failing(answer: dict[str, Any]) -> set[str]:
    return {one["id"] for one in answer["findings"] if one["verdict"] == "fail"}


def record_key(node: str) -> str:
    return str(hosts.verb(node, "ledger", "identity")["record_key"])
