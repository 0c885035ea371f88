"""What an organisation may agree to, from the files at hand, the chain's policy and a proposal as others wrote it."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from nodeops.consortium.orders import Registered, orders
from nodeops.consortium.voting import vote
from nodeops.consortium.voting.cli import approve
from nodeops.consortium.voting.vote import agreeable, look, refuse_unless
from nodeops.core.errors import InputError, Refused
from nodeops.core.finding import Verdict
from nodeops.document.models import Consortium
from nodeops.document.profile import Profile, load_profile
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.group_state import Proposal
from nodeops.ledger.cosmos.messages import Member, UpdatePolicyMetadata, pack, update_members
from nodeops.ledger.cosmos.revision import Mark, mark_of, with_parts
from tests.unit.consortium.samples import admit, changed, first, ledger, threshold, witness
from tests.unit.consortium.test_orders import BETA, GROUND, MEMBERS, NAMES, POLICY, PROPOSAL

NEW = changed(witness("gamma-2", "gamma"))
EVIL = update_members((Member(BETA, "100", "beta"),))


@dataclass(frozen=True)
class At:
    """Stands for a session: the file before is `old`, None when it was not kept."""

    working: Consortium = NEW
    old: Consortium | None = first()  # noqa: RUF009 - files are never changed
    profile: Profile = load_profile("cosmos")  # noqa: RUF009
    driver: Any = None

    def policy(self):
        return POLICY

    def before(self, since):
        if self.old is None:
            raise InputError("revision 1 was not kept")
        return self.old


def names(mark: Mark):
    return pack(UpdatePolicyMetadata(policy_address(), policy_address(), mark.text()))


def proposed(new: Consortium, *messages) -> Proposal:
    return replace(PROPOSAL, text=with_parts(new).text(), messages=(*messages, names(mark_of(new))))


@pytest.fixture
def seen(monkeypatch):
    def made(at: At, found: Proposal, ground=GROUND):
        monkeypatch.setattr(vote, "chosen", lambda at, number: found)
        monkeypatch.setattr(vote, "ground", lambda at, height: (replace(ground, upgrade_height=height), NAMES))
        monkeypatch.setattr(vote, "members", lambda driver: MEMBERS)
        monkeypatch.setattr(vote, "votes", lambda driver, number: ())
        return look(at, 7, None)

    return made


def test_what_the_files_ask_for_is_agreeable(seen):
    refuse_unless(agreeable(seen(At(), proposed(NEW)), None), 7)


UPGRADE = changed(ledger(version="v0.2.0"))
NEWCOMER = changed(admit("beta-2"))
NOT_ENLISTED = replace(GROUND, validators={name: one for name, one in GROUND.validators.items() if name != "beta-2"})
INCOMPARABLE = {
    "the file before was not kept": (At(old=None), proposed(NEW, EVIL), GROUND, "was not kept"),
    "an upgrade without its order": (At(UPGRADE), proposed(UPGRADE, EVIL), GROUND, "needs a height"),
    "a newcomer that is not enlisted": (At(NEWCOMER), proposed(NEWCOMER, EVIL), NOT_ENLISTED, "not on the chain"),
}


@pytest.mark.parametrize(("at", "found", "ground", "why"), INCOMPARABLE.values(), ids=INCOMPARABLE)
def test_orders_that_cannot_be_made_here_are_not_agreed_to(seen, at, found, ground, why):
    with pytest.raises(Refused, match=why):
        refuse_unless(agreeable(seen(at, found, ground), None), 7)


OTHER = Mark(2, "e" * 64)
MEANT = mark_of(NEW).digest
BY_DIGEST = {
    "as it says": (At(first()), proposed(NEW), set()),
    "its messages put another in force": (At(first()), replace(proposed(NEW), messages=(names(OTHER),)), {"proposal.named"}),
    "they put two in force": (At(first()), proposed(NEW, names(OTHER)), {"proposal.named"}),
    "another message is the last": (
        At(first()),
        replace(proposed(NEW), messages=(names(mark_of(NEW)), EVIL)),
        {"proposal.named"},
    ),
    "none": (At(first()), replace(proposed(NEW), messages=()), {"proposal.named"}),
    "the file is at hand, and asks for less": (At(), proposed(NEW, EVIL), {"proposal.orders"}),
    "another digest": (At(first()), proposed(NEWCOMER), {"proposal.file"}),
}


@pytest.mark.parametrize(("at", "found", "failing"), BY_DIGEST.values(), ids=BY_DIGEST)
def test_what_a_digest_that_was_told_agrees_to(seen, at, found, failing):
    assert {one.id for one in agreeable(seen(at, found), MEANT) if one.verdict is Verdict.FAIL} == failing


def test_a_digest_is_of_a_proposal_that_is_named():
    with pytest.raises(InputError, match="name it"):
        approve(None, None, digest=MEANT)


ONE = changed(threshold(1))
STRONGER = replace(GROUND, validators={**GROUND.validators, "beta-1": Registered("x", 5)})
AS_PROPOSED = {
    "one organisation would decide": (At(ONE), replace(proposed(ONE), messages=orders(first(), ONE, GROUND)), GROUND),
    "the chain has another power than the file in force": (At(), proposed(NEW), STRONGER),
}
FAILING = [{"revision.decision"}, {"proposal.chain"}]


@pytest.mark.parametrize(("told", "failing"), list(zip(AS_PROPOSED.values(), FAILING, strict=True)), ids=AS_PROPOSED)
def test_what_may_not_be_proposed_is_not_agreed_to(seen, told, failing):
    assert {one.id for one in agreeable(seen(*told), None) if one.verdict is Verdict.FAIL} == failing


def test_the_file_before_must_be_the_one_in_force(seen):
    forged = changed(lambda new: new.update(revision=1), lambda new: new["nodes"]["beta-1"].update(site="hall 2"))
    found = agreeable(seen(At(old=forged), proposed(NEW)), None)
    assert [one.id for one in found if one.verdict is Verdict.FAIL] == ["proposal.before"]


VOTED = changed(ledger(version="v0.2.0"))
HEIGHTS = {
    "hours ahead": (9000, set()),
    "ten blocks": (510, set()),
    "at once": (509, {"proposal.height"}),
    "over": (400, {"proposal.height"}),
}


@pytest.mark.parametrize(("height", "failing"), HEIGHTS.values(), ids=HEIGHTS)
@pytest.mark.parametrize("told", [None, mark_of(VOTED).digest, MEANT], ids=["by the file", "and its digest", "by another's"])
def test_a_height_that_is_over_or_at_once_is_not_agreed_to(seen, height, failing, told):
    """Its orders would fail, and stay for anybody to try again; or every node would stop before anybody is ready."""
    driver = SimpleNamespace(status=lambda: SimpleNamespace(height=500))
    found = replace(proposed(VOTED), messages=orders(first(), VOTED, replace(GROUND, upgrade_height=height)))
    bad = {one.id for one in agreeable(seen(At(VOTED, driver=driver), found), told) if one.verdict is Verdict.FAIL}
    assert bad - {"proposal.file"} == failing
