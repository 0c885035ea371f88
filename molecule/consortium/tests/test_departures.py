"""A node leaves and its host is retired, keys of another are replaced, an organisation leaves with its last node; at last the
chain is made to stand.

The tests go on with the story of test_consortium.py.
"""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import hosts
import yaml
from members import Controller, account, pem
from story import PATIENCE_SECONDS, drift, eventually, failing, record_key


def leave(tree: dict[str, Any], old: str, until: int, node_id: str) -> None:
    """A node leaves, two keys of another one are let go, that for records and that for peers, and an organisation comes in."""
    del tree["nodes"]["beta-2"]
    tree["organisations"]["delta"] = {"account": account("delta")}
    tree["nodes"]["alpha-1"]["former_node_id"] = node_id
    tree["former"] = [{"organisation": "alpha", "name": "alpha-1", "record_key": old, "until": until}]


def dissolve(tree: dict[str, Any]) -> None:
    """An organisation leaves with all its nodes."""
    del tree["nodes"]["beta-1"], tree["organisations"]["beta"]


def test_a_node_leaves_its_host_is_retired_and_two_keys_of_another_replaced(controllers: dict[str, Controller]) -> None:
    alpha, beta, gamma = controllers.values()
    hosts.must("alpha-1", "echo first > /tmp/first && nodeops record add /tmp/first")
    shown = hosts.verb("alpha-1", "ledger", "wait", "--height", "1", "--timeout", "300")
    old, until = record_key("alpha-1"), int(shown["height"])
    before = dict(hosts.verb("alpha-1", "ledger", "identity"))
    for one in (alpha, beta, gamma):
        one.takes(gamma)
        one.edit(lambda tree: leave(tree, old, until, before["node_id"]))
    go = ("leave.yml", "--limit", "beta-2", "-e", "leave_keys=shredded")
    assert "consortium.in_force" in failing(beta.says("departed", "beta-2", code=1))
    assert alpha.signs("propose")["changed"]
    assert gamma.signs("approve")["outcome"].startswith(f"in force: revision {gamma.revision}")
    refused = beta.plays(*go)
    assert "departed.hosts: not made what the file says yet: beta-1" in refused.stdout, refused.stdout[-3000:]
    assert hosts.run("beta-2", "systemctl is-active ledger.service").code == 0
    beta.manages_all()
    rotated(beta, old)
    assert drift(beta, code=0) == set()
    left = hosts.ADDRESS["beta-2"]
    for node in ("alpha-1", "gamma-1"):
        traces = f"nft list ruleset | grep -F {left}; grep -F {left} /var/lib/ledger/config/config.toml /etc/nodeops/node.json"
        assert hosts.run(node, traces).out == ""
    rekeyed("alpha-1", before)
    assert failing(beta.says("rotation", "alpha-1", "--key", "node", "--done")) == set()
    retired(beta, go)
    assert record_key("alpha-1") != old
    assert beta.published("alpha-1")["record_key"] == record_key("alpha-1")
    hosts.must("alpha-1", "echo second > /tmp/second && nodeops record add /tmp/second && nodeops record verify /tmp/second")
    # What the key before signed stays proven, also on a node of another organisation.
    hosts.must("gamma-1", "echo first > /tmp/first && nodeops record verify /tmp/first")


def rotated(beta: Controller, old: str) -> None:
    """One run replaces both keys of alpha-1; of one that no host can replace, or that nobody let go, it says what comes first."""
    other = {"validator": ("alpha-1", "playbooks/leave.yml --limit alpha-1"), "node": ("alpha-2", "former_node_id: ")}
    for key, (node, first) in other.items():
        refused = rotates(beta, key, node)
        assert refused.returncode != 0 and first in refused.stdout, refused.stdout[-3000:]
    assert record_key("alpha-1") == old
    done = rotates(beta, "record", "alpha-1")
    assert done.returncode == 0, done.stdout[-5000:]


def rotates(beta: Controller, key: str, name: str) -> subprocess.CompletedProcess[str]:
    return beta.plays("rotate.yml", "-e", f"rotate_key={key}", "-e", f"rotate_name={name}")


def rekeyed(node: str, before: dict[str, Any]) -> None:
    """Another node knows it by its new id, and it votes with its old key."""
    now = hosts.verb(node, "ledger", "identity")
    assert now["node_id"] != before["node_id"]
    assert now["validator_key"] == before["validator_key"]
    eventually(str(before["validator_address"]), votes=True)
    assert {known_as(node, other) for other in ("alpha-2", "beta-1", "gamma-1")} == {now["node_id"]}
    assert hosts.run("gamma-1", f"grep -F {before['node_id']} /var/lib/ledger/config/config.toml").code == 1
    (note,) = [json.loads(line) for line in hosts.must(node, "cat /var/lib/nodeops/keys.jsonl").splitlines()]
    assert note["data"] == {"key": "node key", "old": before["node_id"], "new": now["node_id"]}


def known_as(node: str, other: str) -> str:
    """Return the id under which another node is connected with a node, once it is."""
    until = time.monotonic() + PATIENCE_SECONDS
    # A node votes through others, too, before two that were restarted have found each other again.
    while (known := peers(other).get(node)) is None:
        assert time.monotonic() < until, f"{other} is not connected with {node}"
        time.sleep(1)
    return known


def peers(node: str) -> dict[str, str]:
    return {one["name"]: one["node_id"] for one in hosts.verb(node, "ledger", "peers", codes=(0, 1))["peers"]}


def retired(beta: Controller, go: tuple[str, ...]) -> None:
    keys = "ls /var/lib/ledger/keys"
    before = hosts.run("beta-2", keys).out
    assert "priv_validator_key.json" in before
    planned = beta.plays(*go, "--check")
    assert planned.returncode == 0, planned.stdout[-3000:]
    assert hosts.run("beta-2", keys).out == before
    done = beta.plays(*go)
    assert done.returncode == 0, done.stdout[-3000:]
    assert hosts.run("beta-2", keys).out == ""
    assert hosts.run("beta-2", "systemctl start ledger.service").code != 0
    receipt = yaml.safe_load((beta.folder / "retired-beta-2.json").read_text(encoding="utf-8"))
    assert (receipt["host"], receipt["kind"], receipt["data"]["keys"]) == ("beta-2", "retired", "shredded")
    again = beta.plays(*go)
    assert "changed=0" in again.stdout, again.stdout[-3000:]
    proof = ("--proven-at", str(receipt["data"]["height"]), "--validator-key", receipt["data"]["validator_key"])
    kept = hosts.verb("beta-2", "lifecycle", "retire", "--node", "beta-2", "--keys", "kept", *proof, codes=(4,))
    assert "they cannot be kept any more" in kept["error"]["what"]


def test_an_organisation_leaves_with_its_last_node_and_one_that_came_in_has_voted(
    controllers: dict[str, Controller], tmp_path: Path
) -> None:
    alpha, beta, gamma = controllers.values()
    for one in (alpha, beta, gamma):
        one.takes(gamma)
        one.edit(dissolve)
    beta.manages_own()
    assert alpha.signs("propose")["changed"]
    assert alpha.says("approve", "--key", str(pem(tmp_path, "delta")))["outcome"].startswith("in force: revision 6")
    # Its power goes two blocks after the one with the vote.
    eventually(str(beta.published("beta-1")["validator_address"]), votes=False)
    hosts.verb("gamma-1", "ledger", "wait", "--blocks", "2", "--timeout", str(PATIENCE_SECONDS))
    # Nobody of beta's is left to ask but the node that left, as long as others let it in: its blocks prove the same.
    done = beta.plays("leave.yml", "--limit", "beta-1", "-e", "leave_keys=shredded")
    assert done.returncode == 0, done.stdout[-3000:]
    assert hosts.run("beta-1", "ls /var/lib/ledger/keys").out == ""
    receipt = json.loads((beta.folder / "retired-beta-1.json").read_text(encoding="utf-8"))
    assert receipt["data"]["validator_key"] == beta.published("beta-1")["validator_key"]["value"]
    assert "no node of ours answers" in beta.says("departed", "beta-1", code=3)["error"]["what"]


def test_an_old_revision_is_refused_by_name(alpha: Controller) -> None:
    alpha.file.write_bytes(alpha.kept(3).read_bytes())
    assert "an older one" in alpha.says("status", code=1)["findings"][0]["actual"]
    assert "does not follow" in alpha.signs("propose", code=4)["error"]["what"]


def test_the_log_says_who_voted_how(gamma: Controller) -> None:
    told = gamma.says("log")["proposals"]
    assert [(one["revision"], bool(one["executed"])) for one in told] == [
        (2, True),
        (3, False),
        (3, True),
        (4, True),
        (5, True),
        (6, True),
    ]
    assert {who: vote["vote"] for who, vote in told[0]["votes"].items()} == {
        "alpha": "yes",
        "beta": "no",
        "gamma (its key before)": "yes",
    }


def test_while_the_chain_stands_admins_sign(controllers: dict[str, Controller]) -> None:
    alpha, _, gamma = controllers.values()
    # Two of three: no quorum is left.
    for node in ("alpha-1", "alpha-2"):
        hosts.must(node, "systemctl stop ledger.service")
    for one in (alpha, gamma):
        one.takes(alpha)
        one.edit(lambda tree: tree["nodes"]["gamma-1"].update(site="hall 2"))
    handed = gamma.kept(gamma.revision).with_suffix(".signatures")
    handed.mkdir(exist_ok=True)
    for one, enough in ((alpha, False), (gamma, True)):
        file = Path(one.says("sign", "--key", str(one.admin))["file"])
        if file.parent != handed:
            shutil.copy2(file, handed)
        assert gamma.says("signatures", code=int(not enough))["enough"] is enough
    until = time.monotonic() + PATIENCE_SECONDS
    while hosts.verb("gamma-1", "consortium", "revision")["moving"]:
        assert time.monotonic() < until, "the chain goes on"
        time.sleep(1)
    done = gamma.plays("firewall.yml", "--check")
    assert done.returncode == 0, done.stdout[-3000:]
    next(handed.iterdir()).unlink()
    refused = gamma.plays("firewall.yml", "--check")
    assert "2 organisations must sign" in " ".join(refused.stdout.split()), refused.stdout[-3000:]
