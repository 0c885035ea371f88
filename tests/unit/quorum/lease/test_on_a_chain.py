"""Leases on a real ledgerd: two controllers race, one holds; expiry, release, and a holder that is killed."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.core.errors import Refused
from nodeops.document.host import load_node_document
from nodeops.quorum.lease import hold
from nodeops.quorum.lease.entries import KEY
from nodeops.quorum.lease.store import open_leases
from nodeops.records.author_pen import AuthorPen
from nodeops.records.statements import statement_memo
from tests.unit.ledger.ledger_process import Process
from tests.unit.ledger.ledgerd_process import running_ledgerd
from tests.unit.quorum.lease.chain_hosts import hosts_of
from tests.unit.records.author_chain import key
from tests.unit.records.test_author_pen import store

pytestmark = pytest.mark.lab
_WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with running_ledgerd(tmp_path_factory.mktemp("ledgerd")) as started:
        yield started


@pytest.fixture
def hosts(process: Process, tmp_path: Path) -> dict[str, Path]:
    return hosts_of(process, tmp_path)


def call(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as left:
        main([*words, "--json"])
    out = capfd.readouterr().out
    return int(left.value.code or 0), json.loads(out)


def holders(document: Path) -> list[str]:
    read = open_leases(load_node_document(document)).read()
    return [one.node for one in read.book.live(read.now)]


def freed(document: Path) -> list[str]:
    """Wait until no lease holds, and return who holds one then: nobody."""
    until = time.monotonic() + _WAIT_SECONDS + 60
    while (found := holders(document)) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def verb(name: str, *words: str) -> list[str]:
    return ["quorum", "lease", name, *words]


def run(document: Path, *words: str) -> int:
    """Run a verb in a process of its own, as another host does."""
    child = os.fork()
    if not child:
        try:
            main(["quorum", "lease", *words, "--document", str(document), "--json"])
        except SystemExit as left:
            os._exit(int(left.code or 0))
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_lease_is_acquired_seen_by_all_renewed_and_released(hosts: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    own, other = ["--document", str(hosts["alpha-1"])], ["--document", str(hosts["meter"])]
    asked = verb("acquire", "--for", "30m", "--reason", "patch: Übung", *own)
    code, plan = call(capfd, *asked, "--dry-run")
    assert (code, plan["changed"], holders(hosts["meter"])) == (0, True, [])
    code, said = call(capfd, *asked)
    assert (code, said["lease"]["node"], said["lease"]["reason"]) == (0, "alpha-1", "patch: Übung")
    assert call(capfd, *asked)[1]["changed"] is False
    code, seen = call(capfd, *verb("list"), *other)
    assert [(one["node"], one["organisation"], one["author"]) for one in seen["leases"]] == [("alpha-1", "alpha", "alpha-1")]
    code, longer = call(capfd, *verb("renew", "--for", "2h"), *own)
    assert (code, longer["lease"]["until"] > said["lease"]["until"]) == (0, True)
    code, no = call(capfd, *verb("acquire", "--for", "5m", "--reason", "mine"), *other)
    assert (code, no["error"]["kind"]) == (4, "refused")
    assert "1 of it is under leases (alpha-1)" in no["error"]["what"]
    assert call(capfd, *verb("release"), *own)[1]["lease"] is None
    assert call(capfd, *verb("release"), *own)[1]["changed"] is False
    assert holders(hosts["billing"]) == []


def test_of_controllers_that_race_for_one_place_exactly_one_holds_and_all_say_the_same(
    process: Process, hosts: dict[str, Path]
) -> None:
    """All have read that the place is free before any of them writes: what they wrote is on the ledger, one counts."""
    racers = ["alpha-1", "billing", "meter"]
    for _ in range(2):
        with ThreadPoolExecutor(3) as pool:
            codes = list(pool.map(lambda name: _race(process, hosts, name), racers))
        held = {name: holders(hosts[name]) for name in racers}
        assert len(held["alpha-1"]) == 1 and held["alpha-1"] == held["billing"] == held["meter"]
        assert [name for name, why in zip(racers, codes, strict=True) if why == ""] == held["alpha-1"]
        assert all("under leases" in why for why in codes if why)
        assert run(hosts[held["alpha-1"][0]], "release") == 0


def _race(process: Process, hosts: dict[str, Path], name: str) -> str:
    """Write as a controller that saw a free place, and return what became of it by what this one reads itself."""
    folder = hosts[name].parent
    found = store(process, folder / "records-of-racer")
    after = found.frontier().height
    terms = open_leases(load_node_document(hosts[name])).terms.name
    body = {"do": "acquire", "node": name, "seconds": 600, "reason": "race", "after": after, "terms": terms}
    entry = AuthorPen(found, key(name), folder).state(KEY, statement_memo(KEY, body), _WAIT_SECONDS)
    return open_leases(load_node_document(hosts[name])).read().judged[entry.hash]


def test_what_a_killed_holder_left_ends_by_itself(hosts: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    child = os.fork()
    if not child:
        written = AuthorPen.state

        def dies(self: AuthorPen, *arguments: Any) -> Any:
            written(self, *arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(AuthorPen, "state", dies)
        try:
            main([*verb("acquire", "--for", "30s", "--reason", "x"), "--document", str(hosts["alpha-1"])])
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert holders(hosts["meter"]) == ["alpha-1"]
    assert run(hosts["meter"], "acquire", "--for", "30s", "--reason", "early") == 4
    assert freed(hosts["meter"]) == []
    assert run(hosts["meter"], "acquire", "--for", "30s", "--reason", "now") == 0
    assert run(hosts["meter"], "release") == 0


def test_forged_and_malformed_entries_count_for_nothing(process: Process, hosts: dict[str, Path]) -> None:
    known = {"after": 1, "terms": open_leases(load_node_document(hosts["meter"])).terms.name}
    bodies = [
        {"do": "acquire", "node": "alpha-1", "seconds": 600, "reason": "of another", **known},
        {"do": "acquire", "node": "meter", "seconds": 10**9, "reason": "for ever", **known},
        {"do": "release", "node": "alpha-1", "more": [{}], **known},
    ]
    found = store(process, hosts["meter"].parent / "forger")
    pen = AuthorPen(found, key("meter"), hosts["meter"].parent)
    hashes = [pen.state(KEY, statement_memo(KEY, body), _WAIT_SECONDS).hash for body in bodies]
    read = open_leases(load_node_document(hosts["alpha-1"])).read()
    assert [read.judged[one] for one in hashes] == [
        "alpha-1 is alpha's, not gamma's",
        "says nothing about leases",
        "says nothing about leases",
    ]
    assert holders(hosts["billing"]) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["acquire", "--for", "5h", "--reason", "x"], "30s to 4h"),
        (["acquire", "--for", "soon", "--reason", "x"], "is not a duration"),
        (["acquire", "--for", "5m", "--reason", ""], "is no reason"),
        (["acquire", "--for", "5m", "--reason", "界" * 190], "is too long"),
        (["acquire", "--for", "5m", "--reason", "x", "--node", "meter"], "is gamma's"),
        (["release", "--node", "nobody"], "is no node"),
    ],
)
def test_bad_input_is_refused_before_anything_is_read(
    hosts: dict[str, Path], capfd: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    code, said = call(capfd, *verb(*words), "--document", str(hosts["alpha-1"]))
    assert (code, says in json.dumps(said, ensure_ascii=False)) == (2, True)


def test_work_that_takes_long_holds_a_lease_and_goes_on_without_one(hosts: dict[str, Path]) -> None:
    own, other = (load_node_document(hosts[name]) for name in ("alpha-1", "meter"))
    told: list[str] = []
    assert hold.begin(own, 600, "patch", told.append)
    assert holders(hosts["billing"]) == ["alpha-1"]
    assert not hold.begin(other, 600, "patch", told.append)
    assert told[-1] == "no lease: the chain can lose 1 voting power, 1 of it is under leases (alpha-1), 1 is meter's"
    hold.end(own, "a disk", told.append)
    assert holders(hosts["billing"]) == ["alpha-1"]
    hold.end(own, "patch", told.append)
    assert holders(hosts["billing"]) == []
    gone = own.model_copy(update={"paths": {**own.paths, "authors": "/nonexistent"}})
    assert not hold.begin(gone, 600, "patch", told.append)
    hold.end(gone, "patch", told.append)
    assert told[-1].startswith("the lease was not released, and ends by itself: ")


def test_the_next_run_takes_over_what_a_killed_one_left_and_gives_it_back(hosts: dict[str, Path]) -> None:
    """Else the other nodes of a killed run, and all others, would wait for the end of a lease that nobody uses."""
    own, told = load_node_document(hosts["alpha-1"]), list[str]()
    killed = hold.begin(own, 60, "patch", told.append)
    again = hold.begin(own, 600, "patch", told.append)
    assert killed
    assert again
    assert (again.left() > 500, holders(hosts["billing"])) == (True, ["alpha-1"])
    assert not hold.begin(own, 600, "other work", told.append)
    assert told[-1] == "no lease: alpha-1 is under a lease already"
    hold.end(own, "patch", told.append)
    assert holders(hosts["billing"]) == []


def test_work_that_takes_longer_than_its_lease_renews_it_and_stops_when_it_is_gone(hosts: dict[str, Path]) -> None:
    own, told = load_node_document(hosts["alpha-1"]), list[str]()
    held = hold.begin(own, 30, "patch", told.append)
    assert held is not None
    with held.renewing():
        time.sleep(45)
        assert holders(hosts["billing"]) == ["alpha-1"]
        held.require()
    # Another host of the organisation ends it: no step is begun any more.
    assert run(hosts["alpha-2"], "release", "--node", "alpha-1") == 0
    held.ends = 0.0
    with pytest.raises(Refused, match=r"stopped before the next step: .* another entry ended it"):
        held.require()
    assert run(hosts["meter"], "acquire", "--for", "30s", "--reason", "theirs") == 0
    assert run(hosts["meter"], "release") == 0
