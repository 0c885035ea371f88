"""A real chain of four validators, one of which is down: a revision is judged by who signs, for who proposes and who approves."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from nodeops.consortium.live import despite, forced_text
from nodeops.consortium.propose import draft
from nodeops.consortium.proven import proven_signers
from nodeops.consortium.renew.cli import proven
from nodeops.consortium.renew.lost import lost
from nodeops.consortium.review import vote_lines
from nodeops.consortium.session import Session
from nodeops.consortium.voting.vote import agreeable, look
from nodeops.core.errors import Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Consortium
from nodeops.document.profile import load_profile
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cosmos.account import send
from nodeops.ledger.cosmos.messages import YES, Vote, pack
from nodeops.ledger.cosmos.revision import mark_of
from nodeops.ledger.founding.gather_plan import identity_text
from tests.lab.ledgerd_net import Net, running, until, until_height
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, program

pytestmark = pytest.mark.lab
ALPHA, BETA = map(organisation_key, ("alpha", "beta"))
# Of Net: between two blocks.
PAUSE_SECONDS = 0.3
NODES = ["alpha-1", "alpha-2", "beta-1", "gamma-1"]


@dataclass
class Chain:
    """The chain through alpha-1, and a folder as its organisation's controller has it."""

    net: Net
    driver: CometBft

    @property
    def follower(self) -> Follower:
        return Follower(self.net.trusted(), self.driver)

    def session(self, gone: str) -> Session:
        """Return a session whose working file is without a node."""
        tree = self.net.consortium.model_dump(mode="json", exclude_none=True)
        tree["revision"] = 2
        del tree["nodes"][gone]
        new, nobody = Consortium.model_validate(tree), cast(Any, SimpleNamespace(ask_all=lambda _: {}))
        return Session(self.net.folder, new, load_profile("cosmos"), self.driver, "alpha-1", self.follower, nobody)

    def silent(self) -> set[str]:
        live = proven_signers(self.driver, self.follower)
        return {name for name, one in self.net.identities.items() if one.validator_address not in live}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    net = Net(tmp_path_factory.mktemp("votes"), NODES)
    homes = {name: net.home(name) for name in NODES}
    for file, text in (
        ("revisions/1.yml", yaml.safe_dump(net.consortium.model_dump(mode="json", exclude_none=True))),
        *((f"identities/{name}.yml", identity_text(one, 1)) for name, one in net.identities.items()),
    ):
        (net.folder / file).parent.mkdir(exist_ok=True)
        (net.folder / file).write_text(text)
    found = Chain(net, net.driver("alpha-1"))
    with ExitStack() as most, ExitStack() as down:
        for name, home in homes.items():
            (down if name == "gamma-1" else most).enter_context(running(home, program()))
        until_height(found.driver, 3)
        until(lambda: not found.silent(), "all sign")
        assert draft(found.session("alpha-2"), None, None).forced == ""
        down.close()
        until(lambda: found.silent() == {"gamma-1"}, "one is missed")
        yield found


def failing(found: Sequence[Finding]) -> set[str]:
    return {one.id for one in found if one.verdict is Verdict.FAIL}


@pytest.mark.timeout(300)
def test_who_signs_decides_what_may_be_proposed_and_agreed_to(chain: Chain) -> None:
    at = chain.session("alpha-2")
    with pytest.raises(Refused, match="may not be proposed") as refused:
        draft(at, None, None)
    numbers = "3 of 4 signing, 3 needed; without alpha-2: 2 of 3 signing, 3 needed; silent: gamma-1"
    assert f"revision.live: {numbers}" in refused.value.what
    draft(chain.session("gamma-1"), None, None)
    made = draft(at, None, None, "gamma-1 comes back at noon")
    assert made.summary.startswith("forced: gamma-1 comes back at noon; validator out: alpha-2")
    assert send(chain.driver, CHAIN, ALPHA, [made.signed_by(ALPHA)]).code == 0

    seen = look(at, None, None)
    assert next(vote_lines(seen.case)).startswith("its proposer says: 'forced: gamma-1 comes back at noon;")
    found = agreeable(seen, None)
    assert failing(found) == {"revision.live"}
    assert failing(despite(found, "seen")) == set()
    # Without the proposed file its orders are judged all the same.
    elsewhere = look(chain.session("beta-1"), None, None)
    assert failing(agreeable(elsewhere, mark_of(at.working).digest)) == {"revision.live"}


@pytest.mark.parametrize(("node", "refused"), [("gamma-1", []), ("alpha-2", ["lost.silent"])])
def test_a_host_is_lost_when_nobody_signs_with_its_key(chain: Chain, node: str, refused: list[str]) -> None:
    at = chain.session("beta-1")
    identity, founded = chain.net.identities[node], chain.net.consortium
    found = lost(node, founded, identity, proven(at, node, identity), [])
    assert [one.id for one in found if one.verdict is Verdict.FAIL] == refused


@pytest.mark.timeout(300)
def test_a_chain_that_was_forced_past_it_stands(chain: Chain) -> None:
    seen = look(chain.session("alpha-2"), None, None)
    vote = Vote(seen.case.proposal.number, BETA.address, YES, forced_text(seen.live, "seen"))
    done = send(chain.driver, CHAIN, BETA, [pack(vote)])
    assert done.code == 0
    # Its power goes two blocks after the one with the vote; of the next nobody has enough.
    until_height(chain.driver, done.height + 1)
    time.sleep(15 * PAUSE_SECONDS)
    assert chain.driver.status().height == done.height + 1
