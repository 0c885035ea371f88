"""Writing records to a real ledgerd: none lost, none twice, whoever is killed, comes in between or writes with the same key."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nodeops.core.errors import HostError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.rpc import Rpc
from nodeops.ledger.cometbft.trust import trusted_set
from nodeops.records import author_pen
from nodeops.records.add import plan_all
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.away import patient
from nodeops.records.index import Index
from nodeops.records.logs import AuthorLogs
from nodeops.records.planned import Plan
from nodeops.records.versions import FileDigest
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.ledgerd_process import organisation_key, running_ledgerd
from tests.unit.records.author_chain import ADDRESS, AUTHORS, Scribe, key

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running_ledgerd(tmp_path_factory.mktemp("ledgerd")) as started:
        yield started


def store(process: Process, folder: Path) -> AuthorStore:
    genesis = (process.home / "config/genesis.json").read_bytes()
    driver = CometBft(Rpc(process.url), process.chain)
    follower = Follower(trusted_set(genesis, process.chain, "genesis.json"), driver)
    return AuthorStore(AuthorLogs(driver, follower.block, AUTHORS, Index(folder, "genesis"), process.chain))


def files(prefix: str, count: int) -> list[FileDigest]:
    return [FileDigest(f"{prefix}-{number}", f"{prefix}-{number}", f"{number:064x}", 1) for number in range(count)]


def add(process: Process, folder: Path, name: str, wanted: list[FileDigest]) -> list[Plan]:
    found = store(process, folder)
    pen = AuthorPen(found, key(name), folder)
    with pen.alone(60):
        outcomes = pen.send_all(plan_all(found.history, wanted, revise=False), 60, lambda: None)
    assert all(one.version and one.version.value.sha256 == one.planned.file.sha256 for one in outcomes)
    return [one.planned.plan for one in outcomes]


def versions(process: Process, folder: Path, wanted: list[FileDigest]) -> list[int]:
    """Return how many transactions say each of them, repetitions counted, as another host that reads from nothing finds."""
    found = store(process, folder)
    found.frontier()
    return [len(list(found.logs.index.entries(f"record/{one.key}"))) for one in wanted]


def test_added_once_it_is_there_and_stays_one(process: Process, tmp_path: Path) -> None:
    wanted = files("plain", 3)
    assert add(process, tmp_path / "one", "alpha-1", wanted) == [Plan.ADD] * 3
    assert add(process, tmp_path / "two", "billing", wanted) == [Plan.KEEP] * 3
    assert versions(process, tmp_path / "three", wanted) == [1] * 3


def test_two_hosts_with_one_key_lose_nothing(process: Process, tmp_path: Path) -> None:
    first, second = files("first", 40), files("second", 40)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(add, process, tmp_path / wanted[0].name, "meter", wanted) for wanted in (first, second)]
        assert [one.result(300) for one in done] == [[Plan.ADD] * 40] * 2
    found = store(process, tmp_path / "reader")
    assert [len(found.history(f"record/{one.key}").versions) for one in (*first, *second)] == [1] * 80


def test_killed_after_any_transaction_it_is_completed_by_the_next_run(process: Process, tmp_path: Path) -> None:
    for after in (1, 7, 20):
        wanted = files(f"killed-{after}", 20)
        child = os.fork()
        if not child:
            _die_after(after)
            try:
                add(process, tmp_path / "killed", "billing", wanted)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        add(process, tmp_path / "killed", "billing", wanted)
        assert versions(process, tmp_path / "reader", wanted) == [1] * 20


def _die_after(count: int) -> None:
    handed, left = AuthorPen._taken, [count]

    def dying(self: AuthorPen, tx: bytes) -> bool:
        taken = handed(self, tx)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return taken

    author_pen.AuthorPen._taken = dying  # type: ignore[method-assign]


def test_another_command_after_a_kill_takes_its_turn(process: Process, tmp_path: Path) -> None:
    """What the killed one handed in is still on its way, with numbers that the next one would use."""
    first, second = files("left", 10), files("later", 10)
    child = os.fork()
    if not child:
        _die_after(10)
        try:
            add(process, tmp_path / "killed", "billing", first)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    add(process, tmp_path / "killed", "billing", second)
    add(process, tmp_path / "killed", "billing", first)
    assert versions(process, tmp_path / "reader", [*first, *second]) == [1] * 20


def test_a_node_that_is_away_whatever_it_is_asked_is_waited_for(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of question is refused first, more often than a call is tried again."""
    wanted, asked, post = files("away", 30), Counter[str](), Rpc._post

    def refusing(self: Rpc, request: bytes, deadline: float, most: int) -> tuple[int, bytes]:
        method = re.findall(rb'"method": "(\w+)"', request)[0].decode()
        asked[method] += 1
        if asked[method] <= 4:
            raise ConnectionRefusedError
        return post(self, request, deadline, most)

    found = store(process, tmp_path / "one")
    pen = AuthorPen(found, key("billing"), tmp_path / "one")
    monkeypatch.setattr(Rpc, "_post", refusing)
    planned = patient(time.monotonic() + 60)(plan_all, found.history, wanted, revise=False)
    found.again()
    asked.clear()
    assert {one.planned.plan for one in pen.send_all(planned, 60, lambda: None)} == {Plan.ADD}
    monkeypatch.undo()
    assert {"broadcast_tx_sync", "status", "tx_search"} <= {method for method, times in asked.items() if times > 4}
    assert versions(process, tmp_path / "two", wanted) == [1] * 30


def test_an_author_that_came_later_is_given_an_account_once(process: Process, tmp_path: Path) -> None:
    wanted = files("late", 2)
    with pytest.raises(HostError, match="the chain knows no account of this key"):
        add(process, tmp_path / "ghost", "ghost", wanted)
    found = store(process, tmp_path / "giver")
    AuthorPen(found, key("meter"), tmp_path / "giver").give(ADDRESS["ghost"], time.monotonic() + 60)
    assert add(process, tmp_path / "ghost", "ghost", wanted) == [Plan.ADD] * 2


def test_an_account_that_gave_its_coins_away_is_told_and_writes_again_with_new_ones(process: Process, tmp_path: Path) -> None:
    scribe, wanted = Scribe(CometBft(Rpc(process.url), process.chain)), files("poor", 2)
    scribe.commit(scribe.coins("alpha-1", organisation_key("beta").address, 100))
    with pytest.raises(HostError, match="come to nothing") as caught:
        add(process, tmp_path / "one", "alpha-1", wanted)
    assert "without a coin" in caught.value.hint
    scribe.commit(scribe.coins("beta", ADDRESS["alpha-1"], 10))
    add(process, tmp_path / "one", "alpha-1", wanted)
    assert versions(process, tmp_path / "two", wanted) == [1] * 2
