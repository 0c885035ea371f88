"""Two of three decide who belongs: a fifth validator comes in, votes on blocks and is taken out; one alone does nothing.

The tests are one story, in this order: it begins in test_ceremony.py and ends in test_departures.py.
"""

import time
from pathlib import Path
from typing import Any

import hosts
from members import Controller, account, pem
from story import PATIENCE_SECONDS, drift, eventually, failing, signing, voter


def admit(tree: dict[str, Any]) -> None:
    tree["nodes"]["beta-2"] |= {"duty": "validator", "power": 1}


def retire(tree: dict[str, Any]) -> None:
    tree["nodes"]["beta-2"] = {**tree["nodes"]["beta-2"], "duty": "witness"}
    del tree["nodes"]["beta-2"]["power"]
    tree["threshold"] = 3


def name_admins_and_renew_an_account(tree: dict[str, Any], controllers: dict[str, Controller]) -> None:
    tree["threshold"] = 2
    for name, one in controllers.items():
        tree["organisations"][name]["admins"] = [" ".join(one.admin.with_suffix(".pub").read_text().split()[:2])]
    tree["organisations"]["gamma"]["account"] = account("gamma renewed")


def test_the_founding_revision_is_in_force(controllers: dict[str, Controller]) -> None:
    for one in controllers.values():
        found = one.says("status")
        assert (found["revision"], found["threshold"], found["waiting"]) == (1, 2, [])
        assert one.kept(1).is_file()


def test_nothing_differs_and_the_witness_is_ready(beta: Controller) -> None:
    assert drift(beta, code=0) == set()
    assert {"departed.file"} <= failing(beta.says("departed", "beta-2", code=1))
    words = ("lifecycle", "ready", "--published", str(beta.published("beta-2")["node_id"]))
    done = beta.plays("join.yml", "--limit", "beta-2")
    assert "nodeops consortium enlist beta-2" in done.stdout, done.stdout[-3000:]
    # Two of then six: the four others could not commit blocks while it is down.
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := failing(hosts.verb("beta-2", *words, "--power", "2", codes=(1,)))) != {"ready.quorum"}:
        # Blocks may come between two questions.
        assert time.monotonic() < until, found
        time.sleep(1)
    assert {"ready.silent", "ready.published"} <= failing(hosts.verb("beta-1", "lifecycle", "ready", codes=(1,)))


def test_one_alone_admits_nobody(alpha: Controller, beta: Controller, tmp_path: Path) -> None:
    for one in (alpha, beta):
        one.edit(admit)
    assert "is not on the chain yet" in alpha.signs("propose", code=4)["error"]["what"]
    assert "belongs to beta" in alpha.signs("enlist", "beta-2", code=2)["error"]["what"]
    assert beta.signs("enlist", "beta-2")["changed"]
    assert not beta.signs("enlist", "beta-2")["changed"]
    assert alpha.signs("propose", "--dry-run")["changed"]
    assert alpha.says("status", code=1)["waiting"] == []
    assert alpha.signs("propose")["proposal"] == 1
    assert "has voted already" in alpha.signs("approve", code=4)["error"]["what"]
    stranger = pem(tmp_path, "stranger")
    assert "no member" in alpha.says("approve", "--key", str(stranger), code=2)["error"]["what"]
    assert alpha.says("show")["missing"] == 1
    assert not signing(voter(alpha))


def test_hosts_are_not_made_what_nobody_agreed_to(alpha: Controller) -> None:
    done = alpha.plays("site.yml")
    assert done.returncode != 0
    assert "not agreed to yet" in done.stdout, done.stdout[-3000:]


def test_one_byte_changed_is_named_and_not_agreed_to(gamma: Controller) -> None:
    gamma.edit(admit)
    right = gamma.file.read_text(encoding="utf-8")
    gamma.file.write_text(right.replace("172.30.51.31", "172.30.51.32"), encoding="utf-8")
    assert "they differ in: nodes" in gamma.signs("approve", code=4)["error"]["what"]
    gamma.file.write_text(right, encoding="utf-8")
    assert (
        "may not be agreed to"
        in gamma.signs("approve", str(gamma.says("show")["proposal"]), "--digest", "0" * 64, code=4)["error"]["what"]
    )


def test_two_of_three_admit_it_and_it_votes(alpha: Controller, beta: Controller, gamma: Controller) -> None:
    assert beta.signs("reject")["vote"] == "no"
    assert gamma.signs("approve")["outcome"].startswith("in force: revision 2")
    eventually(voter(alpha), votes=True)
    assert alpha.says("status")["revision"] == 2
    assert {"departed.file", "departed.power"} <= failing(beta.says("departed", "beta-2", code=1))
    assert {(where, what) for where, what, _ in drift(beta, code=1)} == {("beta-1", "document"), ("beta-2", "document")}
    done = alpha.plays("firewall.yml", "--check")
    assert done.returncode == 0, done.stdout[-3000:]


def test_it_is_taken_out_again_and_then_all_must_agree(controllers: dict[str, Controller]) -> None:
    alpha, beta, gamma = controllers.values()
    # A fork: gamma proposes another revision 3, which waits for votes when the first one is executed.
    gamma.edit(lambda tree: tree["nodes"]["gamma-1"].update(site="elsewhere"))
    fork = str(gamma.signs("propose")["proposal"])
    gamma.file.write_bytes(gamma.kept(2).read_bytes())
    for one in (alpha, beta, gamma):
        one.takes(gamma)
        one.edit(retire)
    assert "they differ in: nodes, threshold" in alpha.signs("approve", fork, code=4)["error"]["what"]
    number = alpha.signs("propose")["proposal"]
    assert beta.signs("approve", str(number))["outcome"].startswith("in force: revision 3")
    eventually(voter(alpha), votes=False)
    assert alpha.says("show", fork, code=1)["state"] == "aborted"
    for one in (alpha, beta, gamma):
        one.takes(beta)
        one.edit(lambda tree: name_admins_and_renew_an_account(tree, controllers))
    number = alpha.signs("propose")["proposal"]
    assert beta.signs("approve")["outcome"] == f"proposal {number} is open"
    assert gamma.signs("approve")["outcome"].startswith("in force: revision 4")


def test_an_organisation_votes_with_its_new_key_alone(gamma: Controller) -> None:
    gamma.edit(lambda tree: tree["nodes"]["gamma-1"].update(site="elsewhere"))
    assert "no organisation's account" in gamma.signs("propose", code=2)["error"]["what"]
    gamma.key = pem(gamma.folder, "gamma renewed")
    assert gamma.signs("propose", "--dry-run")["changed"]
    gamma.file.write_bytes(gamma.kept(4).read_bytes())
    assert not gamma.says("rotation", "gamma", "--key", "organisation")["due"]


def test_a_host_that_signs_is_not_lost_and_a_key_that_nobody_let_go_stays(alpha: Controller, gamma: Controller) -> None:
    alpha.takes(gamma)
    assert failing(alpha.says("lost", "alpha-1", code=1)) == {"lost.silent", "lost.hosts"}
    for key in ("node", "record"):
        assert failing(alpha.says("rotation", "alpha-1", "--key", key, code=1)) == {"rotation.let_go"}
    assert failing(alpha.says("rotation", "alpha", "--key", "organisation", code=1)) == {"rotation.account"}
