"""Keys for records on their way from hosts to the genesis and to the file of all authors: who is waited for, what is refused."""

import json

import pytest

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.document.models import Consortium
from nodeops.ledger.authors import Author, authors_of, parse_authors
from nodeops.ledger.founding.gather import gather
from tests.unit.ledger.cosmos.test_app_state import APPLICATIONS, IDENTITIES, POWERS, TIME, consortium
from tests.unit.ledger.made_keys import identity_of, pair

ALL = tuple(POWERS)


def answers(**changed: object) -> dict[str, object]:
    shown = {name: identity.model_dump(mode="json") for name, identity in IDENTITIES.items()}
    return {**shown, **{name.replace("_", "-"): answer for name, answer in changed.items()}}


def run(folder, observed=None, members: Consortium | None = None, **options):
    return gather(folder, members or consortium(), observed or answers(), ALL, genesis_time=TIME, **options)


def bare(name: str) -> dict[str, object]:
    return identity_of(name, name.split("-")[0]).model_dump(mode="json")


def test_every_key_gets_an_account_and_hosts_learn_whose_each_is(tmp_path):
    gathered = run(tmp_path)
    authors = parse_authors(gathered.authors_text.encode(), "made-up-1", "authors.json")
    assert [(one.organisation, one.name) for one in authors] == [
        ("alpha", "alpha-1"),
        ("alpha", "alpha-2"),
        ("beta", "beta-1"),
        ("beta", "billing"),
        ("gamma", "gamma-1"),
    ]
    accounts = gathered.genesis["app_state"]["auth"]["accounts"]
    assert [row["pub_key"]["key"] for row in accounts[4:]] == [one.key for one in authors]
    assert "record_key:" in (tmp_path / "identities/alpha-1.yml").read_text()
    again = run(tmp_path)
    assert (again.changes, again.missing, again.authors_text) == ([], [], gathered.authors_text)


def test_a_chain_that_does_not_know_authors_has_no_such_file(tmp_path):
    cometbft = {"platform": "cometbft", "version": "v0.38.21", "chain": "made-up-1"}
    plain = {**consortium().model_dump(), "ledger": cometbft, "threshold": None}
    plain["organisations"] = {name: {} for name in plain["organisations"]}
    observed = {name: bare(name) for name in ALL}
    assert run(tmp_path, observed, Consortium.model_validate(plain)).authors_text == ""


def test_a_node_without_one_is_waited_for_and_can_bring_it_later(tmp_path):
    gathered = run(tmp_path, answers(gamma_1=bare("gamma-1")))
    assert (gathered.genesis, len(gathered.missing)) == (None, 1)
    assert "gamma-1 published no key for records: run nodeops ledger identity --ensure there" in gathered.missing[0]
    later = run(tmp_path)
    assert [change.what for change in later.changes] == ["identities/gamma-1.yml", "genesis.json"]
    assert later.missing == []


def test_a_lost_or_another_key_is_refused_with_the_way_out(tmp_path):
    run(tmp_path)
    for shown, said in ((bare("beta-1"), "no key"), ({**bare("beta-1"), "record_key": pair("other")[1]}, "another key")):
        with pytest.raises(Refused, match=f"beta-1 shows {said} for records than the one it published") as caught:
            run(tmp_path, answers(beta_1=shown))
        assert "archive" in caught.value.hint


COPIED = {
    "of another node": pair("record alpha-1")[1],
    "of an application": APPLICATIONS["beta"]["billing"],
    "of an organisation": pair("gamma")[1],
}


@pytest.mark.parametrize("key", COPIED.values(), ids=COPIED)
def test_one_key_has_one_owner(tmp_path, key):
    with pytest.raises(InputError, match="have the same key for records"):
        run(tmp_path, answers(beta_1={**bare("beta-1"), "record_key": key}))


def test_a_genesis_without_the_account_of_who_published_in_time_is_unusual(tmp_path):
    run(tmp_path)
    genesis = json.loads((tmp_path / "genesis.json").read_text())
    auth = genesis["app_state"]["auth"]
    auth["accounts"] = [row for row in auth["accounts"] if row["pub_key"].get("key") != pair("record beta-1")[1]]
    (tmp_path / "genesis.json").write_text(json.dumps(genesis))
    with pytest.raises(Refused, match="beta-1 published a key for records at revision 1, and has no account in it"):
        run(tmp_path)


def test_a_key_of_who_left_counts_up_to_its_height():
    left = {"organisation": "delta", "name": "delta-1", "record_key": pair("left")[1], "until": 7}
    authors = authors_of(consortium(former=[left]), IDENTITIES).authors
    assert authors[4] == Author(organisation="delta", name="delta-1", key=pair("left")[1], until=7)
    assert [authors[4].counts_at(height) for height in (1, 7, 8)] == [True, True, False]
    assert authors[0].counts_at(10**9)


BROKEN = {
    "no JSON": (b"{", "is damaged"),
    "of another chain": (authors_of(consortium(), IDENTITIES).text().replace("made-up-1", "made-up-2").encode(), "another chain"),
    "one key twice": (
        b'{"authors":[%b,%b],"chain":"made-up-1"}' % ((b'{"key":"%b","name":"a","organisation":"b"}' % pair(1)[1].encode(),) * 2),
        "two authors",
    ),
}


@pytest.mark.parametrize(("data", "said"), BROKEN.values(), ids=BROKEN)
def test_a_file_of_authors_that_cannot_be_right_is_refused(data, said):
    with pytest.raises(HostError, match=said) as caught:
        parse_authors(data, "made-up-1", "authors.json")
    assert "site.yml" in caught.value.hint


def letting_go(key: str) -> Consortium:
    """Return the next revision, which says that alpha-1's key counts no more."""
    former = [{"organisation": "alpha", "name": "alpha-1", "record_key": key, "until": 50}]
    return Consortium.model_validate({**consortium().model_dump(), "revision": 2, "former": former})


def test_a_key_that_members_let_go_is_replaced_and_counts_for_old_records(tmp_path):
    run(tmp_path)
    file, old, new = tmp_path / "identities/alpha-1.yml", str(IDENTITIES["alpha-1"].record_key), pair("another")[1]
    told = run(tmp_path, {}, letting_go(old), dry_run=True)
    assert told.replaced == {"alpha-1": old}
    # A host that has not made another yet, outside of this run: it writes nothing meanwhile, and nothing is published.
    waiting = run(tmp_path, members=letting_go(old))
    assert waiting.changes == []
    assert [
        (one.key, one.until) for one in parse_authors(waiting.authors_text.encode(), "made-up-1", "") if one.name == "alpha-1"
    ] == [(old, 50)]
    shown = {**bare("alpha-1"), "record_key": new}
    done = run(tmp_path, answers(alpha_1=shown), letting_go(old))
    assert [change.what for change in done.changes] == ["identities/alpha-1.yml"]
    assert new in file.read_text()
    authors = parse_authors(done.authors_text.encode(), "made-up-1", "")
    assert {(one.key, one.until) for one in authors if one.name == "alpha-1"} == {(old, 50), (new, None)}
    again = run(tmp_path, answers(alpha_1=shown), letting_go(old))
    assert (again.changes, again.replaced) == ([], {})
    assert "genesis-unusual" not in [one.id for one in again.findings]


def test_another_key_is_refused_while_members_did_not_let_the_old_one_go(tmp_path):
    run(tmp_path)
    other = letting_go(pair("somebody else's")[1])
    with pytest.raises(Refused, match="another key for records"):
        run(tmp_path, answers(alpha_1={**bare("alpha-1"), "record_key": pair("another")[1]}), other)
