"""Service levels on a chain of four real ledgerd: two validators are really stopped, one of them under a lease, and the chain
stands for a while. Two organisations state the same; what was changed, and a contract that lies, are caught.

A month cannot be waited for: the period is the last minutes, in place of the calendar. All else is as on a host.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.core.digest import canonical, sha256
from nodeops.core.errors import HostError
from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.sla import verbs
from nodeops.sla.chain import open_chain, read_votes
from tests.lab.ledgerd_net import Net, organisation, until_height
from tests.unit.quorum.lease.chain_hosts import host, members
from tests.unit.sla.scenes import ADDRESSES, NODES, Nodes, Run, process_of, scenes, written

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    net = Net(tmp_path_factory.mktemp("net"), NODES)
    nodes, folder = Nodes(net), tmp_path_factory.mktemp("hosts")
    try:
        nodes.start(*NODES)
        until_height(net.driver("alpha-1"), 4)
        made = members({name: organisation(name) for name in NODES})
        hosts = {name: host(process_of(net, name), made, name, folder) for name in ("alpha-1", "gamma-1")}
        yield scenes(net, nodes, hosts)
    finally:
        nodes.stop(*NODES)


@pytest.fixture
def contract(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(verbs, "period_of", lambda *_: run.period)
    return written(tmp_path / "contract.yml")


def call(capfd: pytest.CaptureFixture[str], run: Run, name: str, *words: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as left:
        main(["sla", *words, "--document", str(run.hosts[name]), "--json"])
    return int(left.value.code or 0), json.loads(capfd.readouterr().out)


@pytest.fixture
def statement(run: Run, contract: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """What the provider's own node states."""
    out = tmp_path / "statement.json"
    asked = ["statement", str(contract), "--period", "2026-11", "--out", str(out), "--csv", str(tmp_path / "statement.csv")]
    code, said = call(capfd, run, "gamma-1", *asked)
    assert (code, canonical(said["statement"]), said["sha256"]) == (0, out.read_bytes(), sha256(out.read_bytes()))
    return out


@pytest.fixture
def stated(statement: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statement.read_bytes())
    return found


@pytest.fixture
def table(statement: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(statement.with_suffix(".csv").read_text().splitlines()))


def states(run: Run, said: dict[str, Any], node: str) -> list[str]:
    """Return what each slice was, from the intervals of a statement."""
    found = ["good"] * run.period.slices
    for one in said["intervals"]:
        if one["node"] == node:
            for number in range(one["first_slice"], one["last_slice"] + 1):
                found[number] = one["state"]
    return found


def within(run: Run, span: tuple[float, float]) -> list[int]:
    """Return the slices that lie wholly in a span of time."""
    bounds = [run.period.bounds(number) for number in range(run.period.slices)]
    return [number for number, (start, end) in enumerate(bounds) if span[0] <= start and end <= span[1]]


def test_what_was_done_to_the_chain_is_stated(run: Run, stated: dict[str, Any], table: list[dict[str, str]]) -> None:
    one, two = states(run, stated, "gamma-1"), states(run, stated, "gamma-2")
    assert one[0] == two[0] == "good"
    away, leased, halted = (within(run, span) for span in (run.stopped, run.leased, run.halted))
    assert away and leased and halted
    assert {one[number] for number in away} == {"bad"} and {two[number] for number in away} == {"good"}
    assert {two[number] for number in leased} == {"maintenance"} and {one[number] for number in leased} == {"good"}
    assert "network" in {one[number] for number in halted} and "network" in {two[number] for number in halted}
    # ledgerd takes its power from who votes twice: the validators of this chain changed within the period.
    assert (one[-1], two[-1]) == ("unmeasured", "good")
    figures = stated["nodes"]
    assert figures["gamma-1"]["double_votes"] == [run.doubled] and figures["gamma-2"]["double_votes"] == []
    assert (stated["credit"]["gamma-1"], figures["gamma-2"]["slices"]["bad"]) == ("100", two.count("bad"))
    assert figures["gamma-1"]["votes"]["voted"] < figures["gamma-1"]["votes"]["blocks"]
    assert [one["node"] for one in stated["leases"]] == ["gamma-2"]
    assert [row["cause"].partition("lease of block ")[2] for row in table if row["state"] == "maintenance"] == [
        str(stated["leases"][0]["height"])
    ]


def test_the_same_of_another_organisation(run: Run, contract: Path, statement: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, same = call(capfd, run, "alpha-1", "verify", str(contract), str(statement))
    assert (code, same["same"], same["sha256_here"]) == (0, True, sha256(statement.read_bytes()))


def worse(stated: dict[str, Any]) -> dict[str, Any]:
    """As a provider would like it: the first bad interval was good, and the numbers fit."""
    bad = next(one for one in stated["intervals"] if one["state"] == "bad" and one["node"] == "gamma-1")
    count = bad["last_slice"] - bad["first_slice"] + 1
    slices = stated["nodes"]["gamma-1"]["slices"]
    slices |= {"bad": slices["bad"] - count, "good": slices["good"] + count}
    stated["intervals"].remove(bad)
    return bad


def test_a_statement_that_was_changed_is_caught_at_its_first_slice(
    run: Run, contract: Path, stated: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changed = worse(stated)
    file = tmp_path / "changed.json"
    file.write_bytes(canonical(stated))
    code, said = call(capfd, run, "alpha-1", "verify", str(contract), str(file))
    assert (code, said["same"]) == (1, False)
    assert said["difference"].startswith(f"gamma-1, slice {changed['first_slice']} (")
    assert said["difference"].endswith("stated good, on the chain bad")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tree: tree["nodes"]["gamma-1"].update(credit="0"), "nodes.gamma-1.credit: stated 0, on the chain 100"),
        (lambda tree: tree["chain"]["after"].update(hash="0" * 64), "chain.after.hash: stated 000"),
        (lambda tree: tree["period"].update(end=tree["period"]["end"] - 10), "period.end: stated "),
        (lambda tree: tree["contract"].update(sha256="0" * 64), "contract.sha256: stated 000"),
        (lambda tree: tree["leases"].clear(), "leases: stated 0 of them, on the chain 1 of them"),
        (lambda tree: tree.update(note="paid"), "note: stated paid, on the chain nothing"),
        (lambda tree: tree.update(intervals=[{"node": 5}]), "intervals: are not in the form"),
    ],
)
def test_whatever_else_was_changed_is_named(
    run: Run, contract: Path, stated: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str], change: Any, says: str
) -> None:
    change(stated)
    (tmp_path / "changed.json").write_bytes(canonical(stated))
    code, said = call(capfd, run, "alpha-1", "verify", str(contract), str(tmp_path / "changed.json"))
    assert (code, said["difference"][: len(says)]) == (1, says)


def test_a_contract_that_lies_is_refused(run: Run, contract: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It gives the address of the customer's node, which was never stopped, for one of the provider's."""
    lie = written(tmp_path / "lie.yml", **{ADDRESSES["gamma-1"]: ADDRESSES["alpha-1"]})
    for words in (["check", str(lie)], ["statement", str(lie), "--period", "2026-11"]):
        code, said = call(capfd, run, "gamma-1", *words)
        assert (code, said["error"]["what"]) == (2, "is the address of alpha-1, as the genesis says")
    code, said = call(capfd, run, "alpha-1", "check", str(contract))
    assert (code, said["findings"]) == (0, [])


def test_other_terms_of_a_contract(run: Run, contract: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without the notice that was agreed nothing is maintenance; where a halt counts, it does."""
    other = written(tmp_path / "other.yml", notice="60", **{"network_halt: excluded": "network_halt: counts"})
    code, said = call(capfd, run, "alpha-1", "statement", str(other), "--period", "2026-11")
    two = said["statement"]["nodes"]["gamma-2"]
    assert (code, two["slices"]["maintenance"]) == (0, 0)
    assert {states(run, said["statement"], "gamma-2")[number] for number in within(run, run.leased)} == {"bad"}
    counted = sum(two["slices"][name] for name in ("good", "bad", "network"))
    assert Fraction(two["availability"]) == Fraction(two["slices"]["good"], counted)


def test_a_month_that_is_not_over(
    run: Run, contract: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = replace(run.period, end=run.period.end + 86400)
    monkeypatch.setattr(verbs, "period_of", lambda *_: longer)
    asked = ["statement", str(contract), "--period", "2026-11"]
    code, said = call(capfd, run, "alpha-1", *asked)
    assert (code, "is not over on the chain" in said["error"]["what"]) == (4, True)
    code, said = call(capfd, run, "alpha-1", *asked, "--so-far")
    assert (code, said["so_far"]["schema"], "statement" in said) == (0, "nodeops.sla.so-far/1", False)
    assert said["so_far"]["period"]["slices"] >= run.period.slices
    (tmp_path / "so-far.json").write_bytes(canonical(said["so_far"]))
    code, said = call(capfd, run, "alpha-1", "verify", str(contract), str(tmp_path / "so-far.json"))
    assert (code, said["error"]["what"]) == (2, "is no statement of service levels")


def test_the_whole_month_by_the_calendar_so_far(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The chain began in the month: what was before its first block is not counted."""
    now = f"{datetime.fromtimestamp(run.period.start, UTC):%Y-%m}"
    plain = written(tmp_path / "plain.yml", **{"since: 2026-10-01, until: 2027-10-01": "since: 2026-01-01, until: 2036-01-01"})
    code, said = call(capfd, run, "alpha-1", "statement", str(plain), "--period", now, "--so-far")
    assert code == 0
    assert said["so_far"]["chain"]["before"]["height"] == 1
    assert said["so_far"]["nodes"]["gamma-1"]["slices"]["bad"] >= len(within(run, run.stopped))


def test_a_file_that_says_something_else_stays(
    run: Run, contract: Path, statement: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = statement.with_name("signed.json")
    other.write_text("{}")
    code, said = call(capfd, run, "alpha-1", "statement", str(contract), "--period", "2026-11", "--out", str(other))
    assert (code, said["error"]["what"], other.read_text()) == (2, "is there, and says something else", "{}")


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (
            lambda votes: votes[0].update(
                block_id_flag=1, validator_address="", timestamp="0001-01-01T00:00:00Z", signature=None
            ),
            "votes",
        ),
        (lambda votes: votes.reverse(), "votes"),
        (lambda votes: votes.pop(), "votes"),
    ],
)
def test_a_node_that_lies_about_votes_is_caught(run: Run, lie: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = load_node_document(run.hosts["alpha-1"])
    chain = open_chain(document)
    honest = chain.driver.signed_headers

    def lying(first: int, last: int) -> Iterator[dict[str, Any]]:
        for raw in honest(first, last):
            if int(raw["header"]["height"]) == last - 5:
                lie(raw["commit"]["signatures"])
            yield raw

    monkeypatch.setattr(chain.driver, "signed_headers", lying)
    with pytest.raises(ProofError, match=r"the votes for block \d+ are not those that the block above it holds"):
        read_votes(chain, run.period, ADDRESSES.values(), lambda _: None)


def test_a_node_that_hides_evidence_or_lacks_blocks_is_caught(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = open_chain(load_node_document(run.hosts["alpha-1"]))
    block = chain.driver.block

    def hiding(height: int) -> dict[str, Any]:
        found = block(height)
        found["block"]["evidence"] = {"evidence": []}
        return found

    monkeypatch.setattr(chain.driver, "block", hiding)
    with pytest.raises(ProofError, match="the block does not hold this evidence of double votes"):
        read_votes(chain, run.period, ADDRESSES.values(), lambda _: None)
    chain.oldest = chain.first_at(run.period.start) + 5
    with pytest.raises(HostError, match=f"this node has no blocks below {chain.oldest} .* are missing"):
        read_votes(chain, run.period, ADDRESSES.values(), lambda _: None)
