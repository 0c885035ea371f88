"""Which keys the file in force lets go, and what comes first where it does not; whether our other nodes know the new one."""

from typing import Any

import pytest

from nodeops.consortium.renew.cli import _QUESTIONS as QUESTIONS
from nodeops.consortium.renew.rotation import KEYS, Key, Subject, is_due, known, rotation
from nodeops.core.finding import Verdict, failures
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.revision import mark_of
from tests.unit.consortium.samples import Tree, account, changed, first
from tests.unit.ledger.made_keys import author_identity, pair

NODE = author_identity("beta-1", "beta")
NEXT = NODE.model_copy(update={"node_id": "1" * 40, "record_key": pair("another")[1]})


def lets_go(node_id: str | None = None, record_key: str | None = None) -> Consortium:
    def change(new: Tree) -> None:
        if node_id:
            new["nodes"]["beta-1"]["former_node_id"] = node_id
        if record_key:
            new["former"] = [{"organisation": "beta", "name": "beta-1", "record_key": record_key, "until": 900}]

    return changed(change)


def subject(key: Key, working: Consortium, published: Any = NODE, **other: Any) -> Subject:
    name = "beta" if key == "organisation" else "beta-1"
    return Subject(
        **{"key": key, "name": name, "working": working, "mark": mark_of(working), "height": 812, "published": published} | other
    )


BOTH = lets_go(NODE.node_id, NODE.record_key)
RENEWED = changed(account("beta", "beta renewed"))
CASES = {
    "peers know another key from now on": (subject("node", BOTH), [], True),
    "the host made it": (subject("node", BOTH, NEXT), [], False),
    "no key for peers is let go": (subject("node", first()), [f'former_node_id: "{NODE.node_id}"'], False),
    "another key for records": (subject("record", BOTH), [], True),
    "made as well": (subject("record", BOTH, NEXT), [], False),
    "no key for records is let go": (
        subject("record", lets_go(NODE.node_id)),
        [f'record_key: "{NODE.record_key}"', "today 812"],
        False,
    ),
    "only the one for records is": (subject("node", lets_go(record_key=NODE.record_key)), ["lets none go"], False),
    "it published nothing": (subject("node", BOTH, None), ["its identity is not here"], False),
    "nobody agreed yet": (subject("node", BOTH, mark=mark_of(first())), ["not agreed to yet"], True),
    "a validator key": (subject("validator", first()), ["leave.yml --limit beta-1", "another node of beta as witness"], False),
    "an organisation's, before the revision": (
        subject("organisation", first()),
        ["openssl genpkey", "propose --key OLD.pem"],
        False,
    ),
    "and after it": (subject("organisation", RENEWED, before=first()), [], False),
    "the revision before was not kept": (subject("organisation", RENEWED), ["openssl genpkey"], False),
    "a revision about something else": (subject("organisation", BOTH, before=first()), ["openssl genpkey"], False),
    "no such node": (subject("node", BOTH, name="delta-1"), ["delta-1 it does not"], False),
    "an organisation is no node": (subject("record", BOTH, name="beta"), ["beta it does not"], False),
}


@pytest.mark.parametrize(("one", "said", "due"), CASES.values(), ids=CASES)
def test_what_the_file_lets_go(one: Subject, said: list[str], due: bool) -> None:
    text = "\n".join(failures(rotation(one)))
    assert bool(text) is bool(said)
    assert [word for word in said if word not in text] == []
    assert is_due(one) is due


def test_a_kind_that_no_host_replaces_is_never_due() -> None:
    assert {key for key in KEYS if is_due(subject(key, BOTH))} == {"node", "record"}


KNOWN = {
    "all know it": (NEXT, {"alpha-1": NEXT.node_id, "beta-2": NEXT.node_id}, Verdict.PASS),
    "one knows the old one": (NEXT, {"alpha-1": NEXT.node_id, "beta-2": NODE.node_id}, Verdict.FAIL),
    "one is not connected with it": (NEXT, {"alpha-1": ""}, Verdict.FAIL),
    "nobody can be asked": (NEXT, {}, Verdict.WARN),
    "the host made none": (NODE, {"alpha-1": NODE.node_id}, Verdict.FAIL),
}


@pytest.mark.parametrize(("published", "told", "verdict"), KNOWN.values(), ids=KNOWN)
def test_our_other_nodes_must_know_the_new_one(published: Any, told: dict[str, str], verdict: Verdict) -> None:
    assert known(subject("node", BOTH, published), told).verdict is verdict


def test_a_key_for_records_counts_with_an_account() -> None:
    one = subject("record", BOTH, NEXT)
    assert known(one, {"alpha-1": str(NEXT.record_key)}).verdict is Verdict.PASS
    assert known(one, {"alpha-1": "", "beta-2": str(NEXT.record_key)}).actual.startswith("alpha-1 does not, it is ")


@pytest.mark.parametrize("listed", [None, 5, "text", [None, "text", [], {}], {"name": "beta-1"}])
@pytest.mark.parametrize("key", QUESTIONS)
def test_a_host_that_answers_what_no_honest_one_does_knows_no_key(key: Key, listed: Any) -> None:
    _, read = QUESTIONS[key]
    assert list(read({"peers": listed, "authors": listed}, subject(key, BOTH, NEXT))) == []
