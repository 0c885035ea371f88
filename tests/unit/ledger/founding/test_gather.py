"""Gathering identities into an inventory folder: what is published, what is missing, and every refusal."""

import fcntl
import json
import os

import pytest
from ruamel.yaml import YAML

from nodeops.core.errors import InputError, Refused
from nodeops.core.finding import Verdict
from nodeops.ledger.founding.gather import gather
from nodeops.ledger.founding.gather_plan import identity_text
from nodeops.ledger.founding.genesis import content_digest
from tests.unit.ledger.made_keys import consortium_of, identity_of

TIME = "2026-01-31T08:00:00Z"
ALL = ("a1", "a2", "b1", "b2")
CONSORTIUM = consortium_of(a1=1, a2=1, b1=1, b2=0)


def answer(node: str, seed: str | None = None, **more: object) -> dict[str, object]:
    shown = identity_of(node, f"org-{node[0]}", seed).model_dump(mode="json")
    return {**shown, "genesis_digest": None, "changed": True, "changes": [], "findings": [], **more}


def answers(*nodes: str) -> dict[str, dict[str, object]]:
    return {node: answer(node) for node in nodes}


def publish(folder, *nodes: str, seed: str | None = None) -> None:
    (folder / "identities").mkdir(exist_ok=True)
    for node in nodes:
        text = identity_text(identity_of(node, f"org-{node[0]}", seed), 1)
        (folder / "identities" / f"{node}.yml").write_text(text)


def run(folder, observed, managed=ALL, consortium=CONSORTIUM, **options):
    return gather(folder, consortium, observed, managed, genesis_time=TIME, **options)


def written(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_controller_for_all_publishes_everything_and_founds_the_chain(tmp_path):
    gathered = run(tmp_path, answers(*ALL))
    assert sorted(written(tmp_path)) == ["genesis.json", *(f"identities/{node}.yml" for node in ALL)]
    assert [change.what for change in gathered.changes] == [*(f"identities/{node}.yml" for node in ALL), "genesis.json"]
    assert gathered.peers == {node: identity_of(node, "x").node_id for node in ALL}
    assert gathered.missing == []
    assert gathered.genesis_text == (tmp_path / "genesis.json").read_text()
    assert gathered.genesis == json.loads(gathered.genesis_text)
    assert [one["name"] for one in gathered.genesis["validators"]] == ["a1", "a2", "b1"]


def test_a_second_run_changes_nothing_whatever_the_time(tmp_path):
    run(tmp_path, answers(*ALL))
    before = written(tmp_path)
    again = gather(tmp_path, CONSORTIUM, answers(*ALL), ALL)
    assert (again.changes, again.missing, written(tmp_path)) == ([], [], before)
    assert again.genesis_text == before["genesis.json"].decode()


def test_a_dry_run_writes_nothing(tmp_path):
    gathered = run(tmp_path, answers(*ALL), dry_run=True)
    assert len(gathered.changes) == 5
    assert written(tmp_path) == {}


def test_published_text_is_plain_yaml_with_public_parts_only(tmp_path):
    run(tmp_path, answers(*ALL))
    tree = YAML(typ="safe").load((tmp_path / "identities/a1.yml").read_text())
    assert tree == {**identity_of("a1", "org-a").model_dump(), "revision": 1}


def test_a_node_id_that_looks_like_a_number_stays_text(tmp_path):
    odd = identity_of("a1", "org-a").model_copy(update={"node_id": "1" * 37 + "e12"})
    (tmp_path / "identities").mkdir()
    (tmp_path / "identities/a1.yml").write_text(identity_text(odd, 1))
    assert run(tmp_path, {}, managed=()).peers["a1"] == odd.node_id


def test_a_run_that_was_cut_short_is_completed(tmp_path):
    publish(tmp_path, "a1", "b1")
    gathered = run(tmp_path, answers(*ALL))
    assert [change.what for change in gathered.changes] == ["identities/a2.yml", "identities/b2.yml", "genesis.json"]


def test_what_is_missing_is_named_with_who_must_publish_it(tmp_path):
    gathered = run(tmp_path, answers("a1"), managed=("a1", "a2"))
    assert gathered.genesis is None
    assert gathered.missing == [
        "identities/a2.yml: our own a2 has not shown its identity; run site.yml with a2 reachable",
        "identities/b1.yml: org-b must publish it (its own site.yml writes the file); put it into identities/",
        "identities/b2.yml: org-b must publish it (its own site.yml writes the file); put it into identities/",
        "genesis.json: made as soon as all validators' identities are here; waiting for a2, b1",
    ]


def test_the_identity_of_a_witness_is_not_waited_for(tmp_path):
    gathered = run(tmp_path, answers("a1", "a2", "b1"))
    assert gathered.genesis is not None
    assert len(gathered.missing) == 1


def test_only_one_organisation_founds_the_chain(tmp_path):
    publish(tmp_path, "a1", "a2")
    gathered = run(tmp_path, answers("b1", "b2"), managed=("b1", "b2"))
    assert gathered.genesis is None
    assert gathered.missing == [
        "genesis.json: org-a makes it once (its name sorts first among the organisations with validators) and must publish it"
    ]
    assert not (tmp_path / "genesis.json").exists()


def test_a_newcomer_does_not_found_a_second_chain(tmp_path):
    later = CONSORTIUM.model_copy(update={"revision": 5})
    gathered = run(tmp_path, answers(*ALL), consortium=later)
    assert gathered.genesis is None
    assert "get the file from another member" in gathered.missing[-1]
    assert run(tmp_path, answers(*ALL), consortium=later, found=True).genesis is not None


def test_hosts_that_are_not_ours_are_not_believed(tmp_path):
    gathered = run(tmp_path, answers("b1"), managed=("a1",))
    assert gathered.peers == {}
    assert written(tmp_path) == {}


def test_hosts_in_check_mode_have_no_identity_yet(tmp_path):
    nothing = {**answer("a1"), **dict.fromkeys(("node_id", "validator_key", "validator_address"))}
    gathered = run(tmp_path, {"a1": nothing, "a2": {}}, managed=("a1", "a2"), dry_run=True)
    assert gathered.peers == {}
    assert len(gathered.missing) == 5


def test_a_stranger_in_the_folder_is_a_warning(tmp_path):
    publish(tmp_path, "a9")
    (finding,) = (finding for finding in run(tmp_path, answers(*ALL)).findings if finding.verdict is Verdict.WARN)
    assert finding.id == "identity-unknown"
    assert "a9.yml" in finding.actual


def refused(tmp_path, observed, **options) -> str:
    """Return what is said when gathering is refused; fail when anything was written."""
    before = written(tmp_path)
    with pytest.raises((InputError, Refused)) as caught:
        run(tmp_path, observed, **options)
    assert written(tmp_path) == before
    return str(caught.value)


def test_a_host_with_other_keys_is_refused(tmp_path):
    run(tmp_path, answers(*ALL))
    said = refused(tmp_path, {**answers(*ALL), "b1": answer("b1", "rebuilt")})
    assert "identities/b1.yml" in said
    assert "the host was rebuilt, or is an impostor" in said
    assert "restore its keys from its backup" in said


@pytest.mark.parametrize("published", [True, False])
def test_a_copied_disk_is_refused(tmp_path, published):
    if published:
        publish(tmp_path, "b1", seed="a1")
    said = refused(tmp_path, {"a1": answer("a1"), "b1": answer("b1", "a1")})
    assert "a1 and b1 have the same node key" in said


def test_the_same_validator_key_under_another_node_key_is_refused(tmp_path):
    copied = {**answer("b1", "a1"), "node_id": identity_of("b1", "x").node_id}
    assert "the same validator key" in refused(tmp_path, {"a1": answer("a1"), "b1": copied})


WRONG_ANSWERS = {
    "another node": (answer("a2"), "identity of a2, not of a1"),
    "another organisation": (answer("a1", organisation="org-b"), "says it is of org-b"),
    "no key": ({"node_id": "ab" * 20}, "did not answer with an identity"),
    "no text": (answer("a1", node_id=5), "node_id"),
    "wrong address": (answer("a1", validator_address="AB" * 20), "not the address of validator_key"),
    "no object": (["a1"], "did not answer with an object"),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
def test_a_host_that_answers_wrongly_is_refused(tmp_path, wrong, said):
    assert said in refused(tmp_path, {"a1": wrong})


def test_an_unknown_managed_node_is_refused(tmp_path):
    assert "unknown nodes: z9" in refused(tmp_path, {}, managed=("a1", "z9"))


DAMAGED = {
    "not yaml": ("node: [", "identities/a1.yml:1"),
    "empty": ("", "identities/a1.yml:1"),
    "a list": ("- a1\n", "identities/a1.yml:1"),
    "unknown key": (identity_text(identity_of("a1", "org-a"), 1) + "private: x\n", "identities/a1.yml:9: private"),
    "cut": (identity_text(identity_of("a1", "org-a"), 1).rsplit("\n", 3)[0] + "\n", "validator_key: Field required"),
    "another key": (
        identity_text(identity_of("a1", "org-a"), 1).replace(identity_of("a1", "x").validator_address, "AB" * 20),
        "not the address of validator_key",
    ),
    "upper case": (
        identity_text(identity_of("a1", "org-a"), 1).replace("node_id: ", "node_id: X #"),
        "identities/a1.yml:6: node_id",
    ),
    "another name": (identity_text(identity_of("a2", "org-a"), 1), "identities/a1.yml:3: is the identity of a2"),
    "another organisation": (identity_text(identity_of("a1", "org-b"), 1), "says it is of org-b"),
    "revision 0": (identity_text(identity_of("a1", "org-a"), 0), "identities/a1.yml:5: revision"),
    "huge": ("#" * 70_000, "far too large"),
}


@pytest.mark.parametrize(("text", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_identity_file_is_named_with_its_line(tmp_path, text, said):
    (tmp_path / "identities").mkdir()
    (tmp_path / "identities/a1.yml").write_text(text)
    assert said in refused(tmp_path, answers("a2"))


def broken_genesis(tmp_path, change) -> None:
    run(tmp_path, answers(*ALL))
    file = tmp_path / "genesis.json"
    file.write_bytes(change(file.read_bytes()))


DAMAGED_GENESIS = {
    "cut": (lambda data: data[:100], "genesis.json:"),
    "not text": (lambda data: b"\xff" + data, "is not a genesis"),
    "empty": (lambda data: b"", "genesis.json:1: is not JSON"),
    "deep": (lambda data: b"[" * 200_000, "is not a genesis"),
    "huge number": (lambda data: b"9" * 10_000, "is not a genesis"),
    "unknown key": (lambda data: data.replace(b'"app_hash"', b'"app_hush"'), "app_hash"),
    "another address": (
        lambda data: data.replace(identity_of("a1", "x").validator_address.encode(), b"AB" * 20),
        "genesis.json:",
    ),
    "another power": (
        lambda data: data.replace(b'"power": "1"', b'"power": "2"', 1),
        "a1: power 2 in the genesis, 1 in consortium.yml",
    ),
    "another chain": (lambda data: data.replace(b"test-1", b"test-2"), "chain: genesis has 'test-2'"),
}


@pytest.mark.parametrize(("change", "said"), DAMAGED_GENESIS.values(), ids=DAMAGED_GENESIS)
def test_a_damaged_or_foreign_genesis_is_refused_and_kept(tmp_path, change, said):
    broken_genesis(tmp_path, change)
    assert said in refused(tmp_path, answers(*ALL))


def test_a_lost_genesis_is_not_made_anew_while_a_host_has_it(tmp_path):
    text = run(tmp_path, answers(*ALL)).genesis_text
    (tmp_path / "genesis.json").unlink()
    holds = {**answers("a1", "b1"), "a2": answer("a2", genesis_digest=content_digest(text.encode()))}
    said = refused(tmp_path, holds)
    assert "genesis.json is gone, but a2 has one" in said
    assert "copy it back from the host a2" in said


def test_a_host_of_another_chain_is_refused(tmp_path):
    text = run(tmp_path, answers(*ALL)).genesis_text
    same = answer("a1", genesis_digest=content_digest(text.encode()))
    assert run(tmp_path, {**answers(*ALL), "a1": same}).changes == []
    other = answer("b1", genesis_digest=content_digest(b"{}"))
    assert "b1 holds another genesis" in refused(tmp_path, {**answers(*ALL), "a1": same, "b1": other})


def test_two_controllers_in_one_folder_do_not_meet(tmp_path):
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert "another nodeops" in refused(tmp_path, answers(*ALL))
    finally:
        os.close(handle)
