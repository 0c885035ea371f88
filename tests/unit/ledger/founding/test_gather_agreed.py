"""What members agreed on in the consortium file: the time of the genesis, and another key for peers of a node."""

import hashlib
import json

import pytest

from nodeops.core.errors import Refused
from nodeops.core.finding import Verdict
from nodeops.ledger.founding.gather import gather
from tests.unit.ledger.founding.test_gather import ALL, CONSORTIUM, answer, answers, publish, run, written
from tests.unit.ledger.made_keys import identity_of

AGREED_TIME = CONSORTIUM.model_copy(
    update={"ledger": CONSORTIUM.ledger.model_copy(update={"genesis_time": "2026-01-30T12:00:00Z"})}
)


def test_with_an_agreed_time_each_organisation_makes_the_same_bytes(tmp_path):
    made = []
    for own, later in (("a", "2026-01-31T08:00:00Z"), ("b", "2026-02-02T09:30:00Z")):
        folder = tmp_path / own
        folder.mkdir()
        managed = tuple(name for name in ALL if name.startswith(own))
        publish(folder, *(name for name in ALL if name not in managed))
        gather(folder, AGREED_TIME, answers(*managed), managed, genesis_time=later)
        made.append((folder / "genesis.json").read_bytes())
    assert made[0] == made[1]
    assert json.loads(made[0])["genesis_time"] == "2026-01-30T12:00:00Z"


def test_with_an_agreed_time_the_digest_that_was_compared_is_held_against_what_is_made(tmp_path):
    publish(tmp_path, "a1", "a2")
    right = hashlib.sha256(str(run(tmp_path, answers("b1", "b2"), ("b1", "b2"), AGREED_TIME, dry_run=True).genesis_text).encode())
    before = written(tmp_path)
    with pytest.raises(Refused, match="not the genesis that was agreed on"):
        run(tmp_path, answers("b1", "b2"), ("b1", "b2"), AGREED_TIME, agreed="0" * 64)
    assert written(tmp_path) == before
    assert run(tmp_path, answers("b1", "b2"), ("b1", "b2"), AGREED_TIME, agreed=right.hexdigest()).missing == []


def test_an_agreed_time_that_has_not_come_is_waited_for(tmp_path):
    early = gather(tmp_path, AGREED_TIME, answers(*ALL), ALL, genesis_time="2026-01-30T11:59:59Z")
    assert early.missing == ["genesis.json: made once its time has come: 2026-01-30T12:00:00Z"]


def test_a_genesis_of_another_time_than_the_agreed_one_is_refused(tmp_path):
    run(tmp_path, answers(*ALL))
    with pytest.raises(Refused, match="genesis_time is '2026-01-31T08:00:00Z', '2026-01-30T12:00:00Z' is usual"):
        run(tmp_path, answers(*ALL), consortium=AGREED_TIME)


def rekeyed(**former: str):
    nodes = {name: node.model_copy(update={"former_node_id": former.get(name)}) for name, node in CONSORTIUM.nodes.items()}
    return CONSORTIUM.model_copy(update={"revision": 2, "nodes": nodes})


OLD_ID, NEW_ID = identity_of("a1", "org-a").node_id, "7" * 40


def test_a_node_gets_another_key_for_peers_where_members_let_the_old_one_go(tmp_path):
    run(tmp_path, answers(*ALL))
    agreed, file = rekeyed(a1=OLD_ID), tmp_path / "identities/a1.yml"
    told = run(tmp_path, {}, consortium=agreed, dry_run=True)
    assert (told.replaced_ids, told.peers["a1"]) == ({"a1": OLD_ID}, OLD_ID)
    done = run(tmp_path, {**answers(*ALL), "a1": answer("a1", node_id=NEW_ID)}, consortium=agreed)
    assert [change.what for change in done.changes] == ["identities/a1.yml"]
    assert (done.peers["a1"], done.renewed, NEW_ID in file.read_text()) == (NEW_ID, {"a1": NEW_ID}, True)
    again = run(tmp_path, {**answers(*ALL), "a1": answer("a1", node_id=NEW_ID)}, consortium=agreed)
    assert (again.changes, again.replaced_ids, again.renewed) == ([], {}, {"a1": NEW_ID})
    # A host that was brought back with the key before: members know the new one only.
    with pytest.raises(Refused, match="the host was rebuilt, or is an impostor"):
        run(tmp_path, answers(*ALL), consortium=agreed)


def test_another_key_for_peers_is_refused_while_members_did_not_let_the_old_one_go(tmp_path):
    run(tmp_path, answers(*ALL))
    shown = {**answers(*ALL), "a1": answer("a1", node_id=NEW_ID)}
    for consortium in (rekeyed(), rekeyed(a1="8" * 40), rekeyed(a2=OLD_ID)):
        with pytest.raises(Refused, match="the host was rebuilt, or is an impostor"):
            run(tmp_path, shown, consortium=consortium)
    other = {**answers(*ALL), "a1": answer("a1", "another", node_id=NEW_ID)}
    with pytest.raises(Refused, match="the host was rebuilt, or is an impostor"):
        run(tmp_path, other, consortium=rekeyed(a1=OLD_ID))


def test_who_has_not_published_the_other_key_yet_is_named(tmp_path):
    run(tmp_path, answers(*ALL))
    (found,) = (
        one for one in run(tmp_path, answers("b1", "b2"), ("b1", "b2"), rekeyed(a1=OLD_ID)).findings if "former" in one.id
    )
    assert (found.verdict, found.hint.split(" must")[0]) == (Verdict.WARN, "org-a")
