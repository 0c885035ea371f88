"""One of four validators is a build of ledgerd that leaves one author out of its blocks: what that author loses, and sees."""

import itertools
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from nodeops.artifacts.own_source import REPOSITORY
from nodeops.core.errors import Timeout
from nodeops.core.finding import Verdict
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.records.add import plan_all
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.index import Index
from nodeops.records.left_out import LeftOut
from nodeops.records.logs import AuthorLogs
from nodeops.records.report import added
from nodeops.records.versions import FileDigest
from tests.lab.ledgerd_net import Net, built, running, until, until_height
from tests.unit.ledger.ledgerd_process import CHAIN, program
from tests.unit.ledger.made_keys import identity_of
from tests.unit.records.author_chain import ADDRESS, AUTHORS, key

pytestmark = [pytest.mark.lab, pytest.mark.long]
NODES, CENSOR = ["alpha-1", "beta-1", "gamma-1", "gamma-2"], "gamma-2"
ADDRESS_OF_CENSOR = identity_of(CENSOR, "gamma").validator_address
# Both write through this node at the same moments; only the first is left out.
WRITES_AT, LEFT_OUT, OTHER = "beta-1", "billing", "meter"
_ASKED = "\t\tbase.SetProcessProposal(judging(app.encoding.tx.TxDecoder()))\n"
# Proposes nothing that names the author. Where it is told to, it votes for no block that does either.
_CENSORING = """\t\tnames := func(one []byte) bool { return bytes.Contains(one, []byte("ADDRESS")) }
\t\tbase.SetPrepareProposal(
\t\t\tfunc(_ sdk.Context, asked *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
\t\t\t\treturn &abci.ResponsePrepareProposal{Txs: slices.DeleteFunc(asked.Txs, names)}, nil
\t\t\t})
\t\tjudge := judging(app.encoding.tx.TxDecoder())
\t\tbase.SetProcessProposal(
\t\t\tfunc(ctx sdk.Context, asked *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
\t\t\t\tif os.Getenv("REFUSES") != "" && slices.ContainsFunc(asked.Txs, names) {
\t\t\t\t\treturn &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
\t\t\t\t}
\t\t\t\treturn judge(ctx, asked)
\t\t\t})
"""
_IMPORTS = 'import (\n\t"bytes"\n\t"os"\n\t"slices"\n\n\tabci "github.com/cometbft/cometbft/abci/types"\n'


def censoring(folder: Path) -> Path:
    """Return a copy of ledgerd's source that leaves out one author."""
    copy = shutil.copytree(REPOSITORY / "ledgerd", folder / "ledgerd")
    text = (copy / "app.go").read_text(encoding="utf-8")
    assert text.count(_ASKED) == text.count("import (\n") == 1
    text = text.replace(_ASKED, _CENSORING.replace("ADDRESS", ADDRESS[LEFT_OUT])).replace("import (\n", _IMPORTS)
    (copy / "app.go").write_text(text, encoding="utf-8")
    return copy


class Watched(AuthorPen):
    """A pen that says how many blocks came until what it handed in was in one, that one counted."""

    waits: tuple[int, ...] = ()

    def _note(self, memo: str, height: int) -> None:
        self.waits += (height + 1 - self.open.get(memo, height + 1),)
        super()._note(memo, height)


def store(net: Net, node: str, folder: Path) -> AuthorStore:
    driver = net.driver(node)
    return AuthorStore(AuthorLogs(driver, Follower(net.trusted(), driver).block, AUTHORS, Index(folder, "genesis"), CHAIN))


def write(net: Net, folder: Path, name: str, number: int, seconds: float = 60) -> Watched:
    """Add the file of a number in an author's name, as one run of `record add` does, at the beginning of a turn: in every second
    round that of the censor, whose next one comes when it is done, else one of two others'.
    """
    found = store(net, WRITES_AT, folder / name)
    pen, file = Watched(found, key(name), folder / name), FileDigest(f"{name}-{number}", f"{name}-{number}", f"{number:064x}", 1)
    planned, turns = plan_all(found.history, [file], revise=False), Turns(net.driver(WRITES_AT))
    for _ in range(2 if number % 4 == 3 else 1):
        turns.next(ADDRESS_OF_CENSOR if number % 2 == 0 else "")
    with pen.alone(seconds):
        pen.send_all(planned, seconds, lambda: None)
    return pen


class Turns:
    """Whose block is next: four validators of the same power take turns."""

    def __init__(self, node: CometBft) -> None:
        self.node, self.height = node, node.status().height

    def next(self, whose: str) -> None:
        """Wait until a turn begins: a validator's, or with "" anybody's."""
        until(lambda: self._begins(whose), "a turn", poll_seconds=0.02)

    def _begins(self, whose: str) -> bool:
        before, self.height = self.height, self.node.status().height
        return self.height > before and (not whose or self._is_of(whose))

    def _is_of(self, whose: str) -> bool:
        return self.node.commits(self.height - 3, self.height - 3)[0].proposer == whose


@pytest.fixture(scope="module")
def censor(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("censor")
    return built(folder, "v0.1.9", censoring(folder))


@pytest.mark.timeout(1800)
def test_who_is_left_out_by_one_validator_writes_all_the_same_and_is_told_by_whom(censor: str, tmp_path: Path) -> None:
    net, waits = Net(tmp_path, NODES, pause="200ms"), {LEFT_OUT: [0], OTHER: [0]}
    with ExitStack() as all_of_them:
        for name in NODES:
            all_of_them.enter_context(running(net.home(name), censor if name == CENSOR else program()))
        until_height(net.driver(WRITES_AT), 5)
        for number in itertools.count():
            with ThreadPoolExecutor(2) as pool:
                left_out, other = pool.map(lambda name, number=number: write(net, tmp_path, name, number), waits)
            for name, pen in ((LEFT_OUT, left_out), (OTHER, other)):
                waits[name] += pen.waits
            assert not other.left_out()
            if told := left_out.left_out():
                break
        assert [one.proposer for one in told] == [ADDRESS_OF_CENSOR]
        _it_is_said(told, left_out)
        _all_are_there_once(net, tmp_path, number + 1)
    assert 1 < max(waits[LEFT_OUT]) < len(NODES)


def _it_is_said(told: Sequence[LeftOut], pen: Watched) -> None:
    found = added([], pen.writer, CHAIN, dry_run=False, leaving=told).findings
    assert [(one.id, one.verdict) for one in found] == [("record.left_out", Verdict.WARN)]
    assert f"validator {ADDRESS_OF_CENSOR} left out what waited of {LEFT_OUT} (beta)" in found[0].actual


def _all_are_there_once(net: Net, folder: Path, count: int) -> None:
    """As the censor's own node shows, and in whose blocks."""
    reader = store(net, CENSOR, folder / "reader")
    reader.frontier()
    for name in (LEFT_OUT, OTHER):
        found = [list(reader.logs.index.entries(f"record/{name}-{number}")) for number in range(count)]
        assert [len(one) for one in found] == [1] * count
        heights = {entry.height for one in found for entry, _ in one}
        proposers = {one.proposer for height in heights for one in reader.driver.commits(height, height)}
        assert (ADDRESS_OF_CENSOR in proposers) == (name == OTHER)


@pytest.mark.timeout(1800)
def test_who_is_refused_by_more_than_a_third_of_the_power_writes_nothing_and_others_do(censor: str, tmp_path: Path) -> None:
    net, refusing = Net(tmp_path, NODES), NODES[2:]
    with ExitStack() as all_of_them:
        for name in NODES:
            build = censor if name in refusing else program()
            all_of_them.enter_context(running(net.home(name), build, {"REFUSES": "yes"}))
        until_height(net.driver(WRITES_AT), 5)
        write(net, tmp_path, OTHER, 1)
        with pytest.raises(Timeout, match=r"nothing was taken|no block took it in time"):
            write(net, tmp_path, LEFT_OUT, 1, seconds=12)
        # While it waits still.
        write(net, tmp_path, OTHER, 5)
        reader, rounds = store(net, WRITES_AT, tmp_path / "reader"), net.driver(WRITES_AT)
        found = reader.frontier().accounts
        assert [found[ADDRESS[name]].sequence for name in (LEFT_OUT, OTHER)] == [0, 2]  # type: ignore[union-attr]
        assert any(one.round for one in rounds.commits(2, rounds.status().height - 1))
