"""Leases on real hosts: organisations that never talk to each other race for the one place of four validators, and keep to it."""

import time
from collections.abc import Iterator

import hosts
import members
import pytest

RACERS = ("alpha-1", "beta-1", "gamma-1")
# Long enough for a restart, short enough for a test that fails to be over soon.
PATIENCE = ("--patience", "240")
# Blocks that come while nodes are asked one after the other.
NEAR = 20


def acquired(node: str) -> hosts.Said:
    return hosts.run(node, "nodeops quorum lease acquire --for 10m --reason 'a race' --timeout 300 --json")


def holders(node: str, height: int) -> list[str]:
    """Return who holds a lease, as a node shows it that has a block."""
    members.catch_up(node, height)
    return [one["node"] for one in hosts.verb(node, "quorum", "lease", "list")["leases"]]


@pytest.fixture(scope="module")
def winner() -> Iterator[str]:
    """Let all acquire at once, and yield who got it; what it holds is released in the end."""
    said = hosts.at_once(acquired, RACERS)
    won = [node for node, one in said.items() if one.code == 0]
    assert (len(won), sorted(one.code for one in said.values())) == (1, [0, 4, 4]), {node: str(one) for node, one in said.items()}
    yield won[0]
    hosts.verb(won[0], "quorum", "lease", "release")


@pytest.fixture
def loser(winner: str) -> str:
    return next(node for node in RACERS if node != winner)


# Who answers members (consortium.yml) and is of another organisation.
OTHERS = {"gamma-1": {"alpha-2", "beta-1"}, "beta-1": {"alpha-2"}, "alpha-1": {"beta-1"}}


def proven(node: str) -> set[str]:
    """Return whose nodes prove to a host that they show the chain that its own does."""
    said = hosts.verb(node, "quorum", "status")
    verdicts = {one["id"]: one["verdict"] for one in said["findings"]}
    assert (verdicts["quorum.others"] == "pass") == any(one["proves"] for one in said["asked"]), said
    assert not verdicts.keys() & {"quorum.own", "quorum.claims"}, said
    return {one["node"] for one in said["asked"] if one["proves"] and abs(one["proves"] - said["height"]) < NEAR}


def test_nodes_of_other_organisations_prove_what_is_shown() -> None:
    """A busy one may take longer than it is given; then it is asked again."""
    until = time.monotonic() + 120
    while (found := hosts.at_once(proven, OTHERS)) != OTHERS:
        assert time.monotonic() < until, found
        time.sleep(1)


def test_of_three_that_race_one_holds_and_all_nodes_say_so(winner: str) -> None:
    # Up to a height that the next block has proven, as leases are read.
    height = hosts.verb(winner, "quorum", "lease", "list")["height"] + 1
    assert set(map(tuple, hosts.at_once(lambda node: holders(node, height), hosts.NODES).values())) == {(winner,)}


def test_others_are_refused_with_numbers_and_names_while_it_holds(winner: str, loser: str) -> None:
    check = hosts.verb(loser, "quorum", "check", "--down", loser, codes=(1,))
    said = f"4 of 4 signing, 3 needed, 1 under leases of others; {loser} may not go"
    assert (check["allowed"], check["findings"][0]["actual"]) == (False, said)
    no = hosts.verb(loser, "lifecycle", "restart", "--patience", "5", codes=(4,))
    assert f"1 is under leases of others: {winner}" in no["error"]["what"]
    status = hosts.verb(loser, "quorum", "status")
    assert (status["may_go"], status["power"]["margin"]) == ([winner], 1)


def test_the_holder_goes_without_waiting_for_its_turn(winner: str) -> None:
    done = hosts.verb(winner, "lifecycle", "restart", *PATIENCE)
    assert done["changed"]
    seen = hosts.verb(winner, "quorum", "status")
    assert seen["power"]["live"] == 4
    # Others see that it is back by the same block.
    hosts.at_once(lambda node: members.catch_up(node, seen["height"]), hosts.NODES)


def test_who_breaks_the_glass_is_in_the_book(winner: str, loser: str) -> None:
    assert winner != loser
    assert hosts.verb(loser, "lifecycle", "restart", "--force", "its disk burns", *PATIENCE)["changed"]
    (note,) = hosts.verb(loser, "quorum", "history")["notes"]
    assert (note["data"]["reason"], note["data"]["gate"].partition(":")[0]) == ("its disk burns", "leased")


def test_what_is_released_is_free_for_all(winner: str, loser: str) -> None:
    released = hosts.verb(winner, "quorum", "lease", "release")
    assert released["changed"]
    members.catch_up(loser, released["height"] + 1)
    assert hosts.verb(loser, "quorum", "check", "--down", loser)["allowed"]
    assert hosts.verb(loser, "quorum", "lease", "acquire", "--for", "1m", "--reason", "next", "--dry-run")["changed"]
