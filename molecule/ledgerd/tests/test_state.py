"""A validator that lost its blocks begins with a state by the role: the others go on, it votes again, and says what it lacks."""

import json
import re
from typing import Any

import hosts
import members
import pytest

NODE = "gamma-1"
DATA, INDEX = "/var/lib/ledger/data", "/var/lib/nodeops/records"
EVERY = hosts.declared("ledger", "state_blocks")
BY_THE_ROLE = ("site.yml", "--tags", "ledger", "--limit", NODE, "-e", json.dumps({"ledger_begins_with_state": True}))
OLDER = ("charge.csv", "1")
# Blocks of when it was away are signed by three.
PROVEN = r"a state above block \d+, signed by [34] of 4, shown by alpha-2, beta-1"


def signing_state() -> tuple[int, int, int]:
    """Return height, round and step of the last thing that the validator signed."""
    found = json.loads(hosts.must(NODE, f"cat {DATA}/priv_validator_state.json"))
    return int(found["height"]), found["round"], found["step"]


def status(node: str) -> Any:
    # Unlike status, it asks again where a busy node does not answer at once.
    return hosts.verb(node, "ledger", "wait", "--height", "1", "--timeout", "300")


def written(node: str, name: str, content: str) -> str:
    hosts.must(node, f"printf %s {content} > /tmp/{name}")
    return f"/tmp/{name}"


@pytest.fixture(scope="module")
def lost() -> int:
    """Take its blocks away as docs/lifecycle.md says, and its index of records; return the height at which the others were.

    One record (of test_records.py) is older than all states that it can begin with. It is in the index, as all records before it.
    """
    added = hosts.verb("alpha-1", "record", "add", written("alpha-1", *OLDER))
    recorded = added["records"][0]["version"]["block"]["height"]
    members.catch_up(NODE, recorded + 1)
    hosts.verb(NODE, "record", "verify", written(NODE, *OLDER))
    hosts.must(NODE, f"systemctl stop ledger && find {DATA} -mindepth 1 -maxdepth 1 -type d -exec rm -r {{}} +")
    hosts.must(NODE, f"mv {INDEX} {INDEX}-aside")
    # Three of four need another round for every fourth block.
    members.catch_up("alpha-1", (recorded // EVERY + 1) * EVERY + 3)
    return int(status("alpha-1")["height"])


def test_what_it_would_begin_with_is_shown_and_nothing_is_done(lost: int) -> None:
    assert lost > EVERY
    [change, _] = hosts.verb(NODE, "ledger", "start", "--with-state", "--dry-run")["changes"]
    assert re.fullmatch(PROVEN, change["after"]), change
    assert hosts.run(NODE, "systemctl is-active ledger.service").out.strip() == "inactive"


def test_it_begins_with_a_state_and_votes_again(lost: int) -> None:
    signed = signing_state()
    done = hosts.play(*BY_THE_ROLE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "peers handed out a state that follows from the block it was told" in " ".join(done.stdout.split())
    hosts.verb(NODE, "lifecycle", "watch", "--blocks", "3", "--timeout", "300")
    assert status(NODE)["earliest_height"] > lost - 2 * EVERY
    assert signing_state() > signed
    # The others had blocks all the while.
    assert status("alpha-1")["height"] > lost + 3
    assert hosts.verb("alpha-1", "quorum", "status")["power"]["live"] == 4


def test_what_it_lacks_it_says(lost: int) -> None:
    oldest = status(NODE)["earliest_height"]
    assert oldest > lost - 2 * EVERY
    found = hosts.verb(NODE, "record", "verify", written(NODE, *OLDER), codes=(1,))
    [finding] = found["findings"]
    assert (found["records"][0]["standing"], finding["id"]) == ("not proven", "record.gap")
    assert "it joined late and keeps no old blocks" in finding["hint"]
    asked = hosts.controller("fleet", "status", "--json")["findings"]
    failed = {one["id"]: one["actual"] for one in asked if one["verdict"] == "fail"}
    assert failed == {"network.history": f"gamma has no block below {oldest} on {NODE}"}


def test_with_the_index_of_its_organisation_it_proves_and_writes(lost: int) -> None:
    assert lost
    hosts.must(NODE, f"rm -rf {INDEX} && mv {INDEX}-aside {INDEX}")
    hosts.verb(NODE, "record", "add", written(NODE, "newer.csv", "2"))
    members.catch_up("alpha-2", status(NODE)["height"])
    [found] = hosts.verb("alpha-2", "record", "verify", written("alpha-2", "newer.csv", "2"))["records"]
    assert found["version"]["node"] == NODE
