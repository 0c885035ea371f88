"""Leases on a real ledgerd while revisions come into force: who left holds nothing, and whoever reads says the same."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nodeops.cli import main
from nodeops.document.host import load_node_document
from nodeops.document.models import Consortium
from nodeops.ledger.authors import Author
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cosmos.account import send
from nodeops.ledger.cosmos.address import policy_address
from nodeops.ledger.cosmos.group import proposals
from nodeops.ledger.cosmos.messages import YES, UpdatePolicyMetadata, Vote, pack, propose
from nodeops.ledger.cosmos.revision import mark_of
from nodeops.quorum.lease.entries import KEY
from nodeops.quorum.lease.policy import Reading
from nodeops.quorum.lease.store import leases_for, open_leases
from nodeops.quorum.policy import Standing
from nodeops.records.author_pen import AuthorPen
from nodeops.records.statements import statement_memo
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.ledgerd_process import CHAIN, organisation_key, running_ledgerd
from tests.unit.ledger.made_keys import pair
from tests.unit.quorum.lease.chain_hosts import NODES, host, members
from tests.unit.records.author_chain import AUTHORS, key
from tests.unit.records.test_author_pen import store

pytestmark = pytest.mark.lab
FIRST = members(NODES)
# alpha left with its nodes; the others brought one each.
SECOND = members({"billing": "beta", "billing-2": "beta", "meter": "gamma", "meter-2": "gamma"}, revision=2)
THIRD = SECOND.model_copy(update={"revision": 3})
STAYED = [one for one in AUTHORS if one.organisation != "alpha"]
SIGNING = Standing(20, True, "", {}, frozenset())


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running_ledgerd(tmp_path_factory.mktemp("ledgerd")) as started:
        yield started


def agree(process: Process, revision: Consortium) -> None:
    """Have two of three organisations put a revision into force, by the last order that every proposal of one has."""
    driver, alpha, beta = CometBft(Rpc(process.url), process.chain), organisation_key("alpha"), organisation_key("beta")
    text = mark_of(revision).text()
    order = pack(UpdatePolicyMetadata(policy_address(), policy_address(), text))
    assert send(driver, CHAIN, alpha, [propose(alpha.address, (order,), text, "revision", "x")]).code == 0
    number = max(one.number for one in proposals(driver))
    assert send(driver, CHAIN, beta, [pack(Vote(number, beta.address, YES))], gas=1_000_000).code == 0
    process.wait_for_height(driver.status().height + 2)


def write(process: Process, folder: Path, name: str, **body: object) -> str:
    """Put an entry on the ledger whatever a verb would say of it. Return its hash."""
    pen = AuthorPen(store(process, folder / f"pen of {name}"), key(name), folder)
    return pen.state(KEY, statement_memo(KEY, body), 60).hash


def said(document: Path, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(["quorum", "lease", *words, "--document", str(document), "--json"])
    return int(left.value.code or 0), capfd.readouterr().out


def reading(document: Path) -> Reading:
    return open_leases(load_node_document(document)).read()


def books(documents: Sequence[Path]) -> list[tuple[list[str], list[str]]]:
    """Return who holds a lease and to whom power is left, as each host reads."""
    found = [reading(one) for one in documents]
    return [
        ([one.node for one in read.book.live(read.now)], [one.node for one in read.book.reserved(read.now)]) for read in found
    ]


def test_a_lease_that_an_organisation_had_when_it_left(
    process: Process, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    alpha, meter = (host(process, FIRST, name, tmp_path) for name in ("alpha-1", "meter"))
    assert said(alpha, capfd, "acquire", "--for", "4h", "--reason", "leaving")[0] == 0
    first = open_leases(load_node_document(meter)).terms.name
    refused = write(process, tmp_path, "meter", do="acquire", node="meter", seconds=14400, reason="x", after=1, terms=first)
    assert "under leases (alpha-1)" in reading(meter).judged[refused]
    assert leases_for(load_node_document(alpha), SIGNING).since is not None

    agree(process, SECOND)
    for old in (alpha, meter):
        gate = leases_for(load_node_document(old), SIGNING)
        assert (gate.since, "revision 2 is in force, and this host is made by revision 1" in gate.unsure) == (None, True)
    code, told = said(meter, capfd, "acquire", "--for", "5m", "--reason", "x")
    assert (code, "run site.yml" in json.loads(told)["error"]["what"]) == (4, True)
    assert said(alpha, capfd, "renew", "--for", "1h")[0] == 4

    # One that read every block, one that was made today, and one that asks for itself.
    knew, fresh, other = (host(process, SECOND, name, tmp_path, STAYED) for name in ("meter", "meter-2", "billing"))
    assert books([knew, fresh, other]) == [([], ["meter"])] * 3
    assert said(other, capfd, "acquire", "--for", "10m", "--reason", "mine")[0] == 0
    second = open_leases(load_node_document(knew)).terms.name
    for step in ("acquire", "renew", "release"):
        more = {"seconds": 600} if step != "release" else {}
        more |= {"reason": "x"} if step == "acquire" else {}
        for node in ("alpha-1", "billing"):
            write(process, tmp_path, "alpha-1", do=step, node=node, after=2, terms=second, **more)
    assert books([knew, fresh, other]) == [(["billing"], ["meter", "billing"])] * 3
    judged = [
        reading(one).judged for one in (host(process, SECOND, name, tmp_path / "again", STAYED) for name in _fresh(tmp_path))
    ]
    assert judged[0] == judged[1] and refused in judged[0]
    assert said(other, capfd, "release")[0] == 0


def _fresh(folder: Path) -> Sequence[str]:
    (folder / "again").mkdir()
    return ("meter", "billing-2")


def test_a_key_for_records_that_is_replaced_under_a_lease(
    process: Process, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the old key acquired is left to the node until it ends, and gives no right; what it writes later is nothing."""
    meter = host(process, SECOND, "meter", tmp_path, STAYED)
    assert said(meter, capfd, "release")[0] == 0
    assert said(meter, capfd, "acquire", "--for", "10m", "--reason", "before")[0] == 0
    counted = reading(meter).height
    agree(process, THIRD)
    anew = Author(organisation="gamma", name="meter", key=pair("record meter anew")[1])
    authors = [*(one.model_copy(update={"until": counted}) if one.name == "meter" else one for one in STAYED), anew]
    write(
        process, tmp_path, "meter", do="release", node="meter", after=3, terms=open_leases(load_node_document(meter)).terms.name
    )
    knew, fresh = (host(process, THIRD, name, tmp_path, authors) for name in ("meter", "meter-2"))
    assert books([knew, fresh]) == [([], ["meter"])] * 2
    gate = leases_for(load_node_document(knew), SIGNING)
    assert (gate.since, gate.others, gate.unsure) == (None, [], "beta, gamma asked for leases under other terms")
    beside = leases_for(load_node_document(host(process, THIRD, "billing", tmp_path, authors)), SIGNING)
    assert [one.node for one in beside.others] == ["meter"]
