"""What the policy is told for a revision, what is read out of messages that others wrote, and which proposals are refused."""

from dataclasses import replace

import pytest

from nodeops.consortium.effects import effects
from nodeops.consortium.orders import Ground, Names, Registered, contradictions, in_words, orders
from nodeops.consortium.review import Case, findings, left_over, refuse_left_over
from nodeops.consortium.session import accounts
from nodeops.core.errors import Refused
from nodeops.core.finding import Verdict
from nodeops.ledger.cosmos.address import account_address, founder_operator, policy_address
from nodeops.ledger.cosmos.group_state import Cast, Policy, Proposal, Tally
from nodeops.ledger.cosmos.messages import (
    Coin,
    Delegate,
    Moment,
    Packed,
    Send,
    Threshold,
    UpdatePolicy,
    Windows,
    pack,
    schedule_upgrade,
    update_members,
)
from nodeops.ledger.cosmos.revision import mark_of, read_mark, with_parts
from tests.unit.consortium.samples import (
    NODES,
    account,
    admit,
    changed,
    drop,
    first,
    ledger,
    organisation,
    power,
    retire,
    threshold,
    without,
)
from tests.unit.ledger.made_keys import pair

OPERATOR = {name: founder_operator(pair(name)[1]) for name in NODES}
GROUND = Ground({name: Registered(OPERATOR[name], share) for name, share in NODES.items()}, 500)
ACCOUNTS = {account_address(pair(name)[1]): name for name in ("alpha", "beta", "gamma", "delta", "other")}
NAMES = Names({address: name for name, address in OPERATOR.items()}, ACCOUNTS)

TOLD = {
    "nothing": ([], []),
    "a fifth validator": ([admit("beta-2")], ["the policy gives beta-2 power 1"]),
    "more power": ([power("beta-1", 3)], ["the policy gives beta-1 power 2"]),
    "less power": ([retire("alpha-2")], ["the policy takes power 1 from alpha-2"]),
    "an organisation in": ([organisation("delta")], ["the policy sends delta 1000 upower", "delta is in, with 1 vote"]),
    "an organisation out": (
        [without("gamma"), drop("gamma-1")],
        ["the policy takes power 1 from gamma-1", "gamma is out"],
    ),
    "another key": (
        [account("gamma", "other")],
        ["the policy sends other 1000 upower", "other is in, with 1 vote", "gamma is out"],
    ),
    "a threshold": ([threshold(3)], ["3 organisations must agree, within 14 days"]),
    "a version": ([ledger(version="v0.2.0")], ["every node stops at height 500 until its program knows 'v0.2.0'"]),
}


@pytest.mark.parametrize(("changes", "expected"), TOLD.values(), ids=TOLD)
def test_what_the_policy_is_told(changes, expected):
    new = changed(*changes)
    words = in_words(orders(first(), new, GROUND), NAMES)
    assert words[:-1] == expected
    assert words[-1] == f"in force is {mark_of(new)}"
    assert bool(effects(first(), new)) == bool(expected)


def test_what_is_not_on_the_chain_is_refused():
    known = {name: one for name, one in GROUND.validators.items() if name != "beta-2"}
    with pytest.raises(Refused, match="beta-2 is not on the chain yet"):
        orders(first(), changed(admit("beta-2")), Ground(known))
    known["beta-2"] = Registered(OPERATOR["beta-2"], 0, jailed=True)
    with pytest.raises(Refused, match="shut out of the chain for good"):
        orders(first(), changed(admit("beta-2")), Ground(known))
    with pytest.raises(Refused, match="an upgrade needs a height"):
        orders(first(), changed(ledger(version="v0.2.0")), Ground(GROUND.validators))


@pytest.mark.parametrize("changes", [[retire("gamma-1")], [drop("gamma-1")], [without("gamma"), drop("gamma-1")]])
def test_who_is_shut_out_loses_its_power_and_gets_none(changes):
    """It signed twice, or its operator took its own coin back: that keeps neither it nor its organisation in."""
    known = Ground({**GROUND.validators, "gamma-1": Registered(OPERATOR["gamma-1"], 1, jailed=True)})
    assert in_words(orders(first(), changed(*changes), known), NAMES)[0] == "the policy takes power 1 from gamma-1"
    with pytest.raises(Refused, match="shut out of the chain for good"):
        orders(first(), changed(power("gamma-1", 2)), known)


def test_a_chain_that_is_not_what_the_file_says_is_named():
    assert contradictions(first(), GROUND) == []
    other = {**GROUND.validators, "beta-1": Registered(OPERATOR["beta-1"], 5), "stranger": Registered("o", 1)}
    assert contradictions(first(), Ground(other)) == [
        "beta-1 has power 5 on the chain, 1 in the file",
        "stranger has power 1 on the chain, 0 in the file",
    ]


UNKNOWN = {
    "a type": (Packed("/cosmos.gov.v1.MsgVote", b"x"), "UNKNOWN: /cosmos.gov.v1.MsgVote, 1 bytes"),
    "bytes": (Packed("/cosmos.staking.v1beta1.MsgDelegate", b"\xff"), "UNKNOWN: /cosmos.staking.v1beta1.MsgDelegate"),
    "a validator": (pack(Delegate(policy_address(), "x", Coin(amount="1000000"))), "gives UNKNOWN VALIDATOR x power 1"),
    "an amount": (pack(Delegate(policy_address(), OPERATOR["beta-1"], Coin(amount="1"))), "UNKNOWN AMOUNT 1 upower"),
    "an account": (pack(Send(policy_address(), "x", (Coin(amount="7"),))), "sends UNKNOWN ACCOUNT x 7 upower"),
}


UNKNOWN |= {
    "nobody": (update_members(()), "an update of no members"),
    "a plan's text": (schedule_upgrade("v0.2.0", 5, "http://x"), "and is told 'http://x'"),
    "a wait": (
        pack(UpdatePolicy("", "", pack(Threshold("2", Windows(Moment(86400), Moment(9)))))),
        "within 1 days, and nothing is executed for 9 seconds",
    ),
}


@pytest.mark.parametrize(("message", "expected"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_unknown_is_said_to_be(message, expected):
    assert expected in in_words([message], NAMES)[0]


DECISION = pack(Threshold("2", Windows(Moment(1_209_600), Moment())))
POLICY = Policy(policy_address(), 1, policy_address(), mark_of(first()).text(), 1, DECISION, Moment())
WORKING = changed(admit("beta-2"))
EXPECTED = orders(first(), WORKING, GROUND)
ALPHA, BETA, GAMMA = (account_address(pair(name)[1]) for name in ("alpha", "beta", "gamma"))
MEMBERS = {ALPHA: "alpha", BETA: "beta", GAMMA: "gamma"}
NO_TALLY = Tally("0", "0", "0", "0")
PROPOSAL = Proposal(
    7, policy_address(), with_parts(WORKING).text(), (ALPHA,), Moment(), 1, 1, 1, NO_TALLY, Moment(), 1, EXPECTED, "title", "text"
)
CASE = Case(PROPOSAL, POLICY, (Cast(7, ALPHA, 1, "", Moment()),), MEMBERS, WORKING, EXPECTED)


def failing(case: Case) -> set[str]:
    return {one.id for one in findings(case) if one.verdict is Verdict.FAIL}


def of(**other: object) -> Case:
    return replace(CASE, proposal=replace(PROPOSAL, **other))


def test_a_proposal_of_the_file_at_hand_may_be_agreed_to():
    assert failing(CASE) == set()
    assert (CASE.missing, CASE.voted) == (1, {"alpha": "yes"})


BYTE = changed(admit("beta-2"), lambda new: new["nodes"]["beta-1"].update(site="hall 2"))
EXTRA = pack(Delegate(policy_address(), OPERATOR["alpha-1"], Coin(amount="9000000")))
LATER = replace(POLICY, text=mark_of(WORKING).text())
REFUSED = {
    "one byte changed in the file at hand": (replace(CASE, working=BYTE), {"proposal.file"}),
    "orders that cannot be made here": (replace(CASE, expected=None, why="no old file"), {"proposal.orders"}),
    "a message more": (of(messages=(EXTRA, *EXPECTED)), {"proposal.orders"}),
    "a message less": (of(messages=EXPECTED[1:]), {"proposal.orders"}),
    "another order of messages": (of(messages=EXPECTED[::-1]), {"proposal.named", "proposal.orders"}),
    "replayed: in force already": (replace(CASE, policy=LATER), {"proposal.revision"}),
    "one that leaves a number out": (
        replace(CASE, policy=replace(POLICY, text="revision 4 digest " + "0" * 64)),
        {"proposal.revision"},
    ),
    "no revision": (of(text="hello"), {"proposal.named", "proposal.revision", "proposal.file"}),
    "aborted": (of(status=4), {"proposal.open"}),
    "a chain without a revision": (replace(CASE, policy=replace(POLICY, text="authority")), {"proposal.revision"}),
}


@pytest.mark.parametrize(("case", "names"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_be_agreed_to(case, names):
    assert failing(case) == names


def test_the_part_of_the_file_that_differs_is_named():
    (file,) = (one for one in findings(replace(CASE, working=BYTE)) if one.id == "proposal.file")
    assert file.actual.endswith("they differ in: nodes")


def test_votes_of_who_is_no_member_do_not_count():
    votes = (*CASE.votes, Cast(7, "stranger", 1, "", Moment()), Cast(7, BETA, 3, "", Moment()))
    case = replace(CASE, votes=votes)
    assert (case.missing, case.voted["beta"]) == (1, "no")
    assert replace(case, votes=(*votes, Cast(7, GAMMA, 1, "", Moment()))).missing == 0


def test_an_accepted_proposal_that_failed_is_left_over():
    assert [one.id for one in left_over([PROPOSAL, replace(PROPOSAL, status=2, result=3)])] == ["proposal.left"]


LEFT = replace(PROPOSAL, number=3, status=2, result=3)
NO_MORE = {"none": ([PROPOSAL], False), "accepted by a word": ([LEFT], True)}


@pytest.mark.parametrize(("kept", "despite"), NO_MORE.values(), ids=NO_MORE)
def test_what_does_not_hold_a_revision_back(kept, despite):
    refuse_left_over(kept, despite)


def test_what_is_left_over_holds_every_other_revision_back():
    with pytest.raises(Refused, match=r"(?s)proposal 3 \('title'\) was accepted and failed.*--despite-left-over") as found:
        refuse_left_over([PROPOSAL, LEFT], despite=False)
    assert found.value.exit_code == 4


TEXTS = ["", "authority", "revision 0 digest " + "0" * 64, "revision 1 digest " + "A" * 64, mark_of(first()).text() + " "]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_is_no_revision(text):
    assert read_mark(text) is None


def test_a_revision_is_read_as_it_is_written():
    for mark in (mark_of(first()), with_parts(WORKING)):
        assert read_mark(mark.text()) == mark
    assert len(with_parts(WORKING).text()) <= 1024


def test_an_account_that_was_replaced_says_so():
    found = accounts(first(), changed(account("gamma", "other"), organisation("delta")))
    names = {pair_name: found[account_address(pair(pair_name)[1])] for pair_name in ("alpha", "gamma", "other", "delta")}
    assert names == {"alpha": "alpha", "gamma": "gamma (its key before)", "other": "gamma", "delta": "delta"}
    assert account_address(pair("delta")[1]) not in accounts(first())
