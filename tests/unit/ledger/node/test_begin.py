"""What a ledger without blocks is told to begin with is proven by its own genesis, whatever the nodes say that are asked."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.document.models import Consortium, NodeDocument
from nodeops.document.resolve import resolve
from nodeops.ledger.node import begin, begin_servers
from nodeops.ledger.node.begin_servers import Told, agreed, answering, same
from tests.unit.ledger.ledgerd_process import CHAIN, consortium
from tests.unit.ledger.rpc_server import recorded
from tests.unit.records.chain import Chain, Lie, served

HEIGHT, EVERY = 400, 100
OWNERS = {"alpha-1": "alpha", "alpha-2": "alpha", "beta-1": "beta", "gamma-1": "gamma"}
ANSWERING = ("alpha-2", "beta-1")


def made(answering: tuple[str, ...] = ANSWERING) -> NodeDocument:
    tree = consortium().model_dump(mode="json", exclude_none=True)
    tree["ledger"]["state_blocks"] = EVERY
    tree["nodes"] = {
        name: {
            "organisation": owner,
            "duty": "validator",
            "power": 1,
            "address": f"192.0.2.{number}",
            "answers_members": name in answering,
        }
        for number, (name, owner) in enumerate(OWNERS.items(), 1)
    }
    return resolve(Consortium.model_validate(tree), "gamma-1", {})


@pytest.fixture(scope="module")
def chain() -> Chain:
    grown = Chain(name=CHAIN)
    for number in range(HEIGHT):
        grown.commit(b"%d=1" % number)
    return grown


@pytest.fixture
def host(tmp_path: Path, chain: Chain) -> NodeDocument:
    return at(tmp_path, made(), chain)


def at(folder: Path, document: NodeDocument, chain: Chain) -> NodeDocument:
    """Return the document of a host that lives in a folder."""
    (folder / "genesis.json").write_bytes(chain.genesis())
    paths = {**document.ledger.paths, "genesis": str(folder / "genesis.json"), "data": str(folder / "data")}
    own = {**document.paths, "trust_state": str(folder / "trust"), "ledger_begin": str(folder / "own/begin.env")}
    return document.model_copy(update={"paths": own, "ledger": document.ledger.model_copy(update={"paths": paths})})


def newest(height: int) -> Lie:
    def answer(method: str, result: Any) -> Any:
        sync = {**recorded("status")["sync_info"], "latest_block_height": str(height), "earliest_block_height": "1"}
        return {**result, "sync_info": sync} if method == "status" else result

    return answer


@contextmanager
def members(monkeypatch: pytest.MonkeyPatch, **shown: tuple[Chain, int]) -> Iterator[Mapping[str, str]]:
    """Serve what each member shows, by its name with an underscore: a chain, and the height that it says it has."""
    with ExitStack() as stack:
        urls = {
            name.replace("_", "-"): f"http://127.0.0.1:{stack.enter_context(served(those, newest(height)))}"
            for name, (those, height) in shown.items()
        }
        monkeypatch.setattr(begin_servers, "url_of", lambda _, member: urls.get(member.name, "http://127.0.0.1:1"))
        yield urls


def test_the_block_follows_from_the_genesis_and_two_organisations_show_it(
    monkeypatch: pytest.MonkeyPatch, chain: Chain, host: NodeDocument
) -> None:
    with members(monkeypatch, alpha_2=(chain, HEIGHT), beta_1=(chain, HEIGHT - 3)) as urls:
        found = begin.plan(host)
    assert found is not None
    assert found.block is not None
    height = HEIGHT - 1 - 2 * EVERY - 100
    assert (found.block.height, found.block.hash) == (height, chain.signed_header(height)["commit"]["block_id"]["hash"])
    assert (found.servers, found.shown_by) == (tuple(urls.values()), ANSWERING)
    assert found.change(EVERY).after == f"a state above block {height}, signed by 4 of 4, shown by alpha-2, beta-1"


def test_a_chain_without_a_state_is_begun_with_its_first_block(
    monkeypatch: pytest.MonkeyPatch, chain: Chain, host: NodeDocument
) -> None:
    with members(monkeypatch, alpha_2=(chain, EVERY), beta_1=(chain, EVERY)):
        found = begin.plan(host)
    assert found == begin.Beginning(EVERY - 1)
    change = found.change(EVERY)
    assert (change.why, change.after) == (
        "no state is there yet: the chain has 99 blocks, and a state is kept at each 100th height",
        "its first block",
    )


def test_one_organisation_that_proves_a_block_is_not_enough(
    monkeypatch: pytest.MonkeyPatch, chain: Chain, tmp_path: Path
) -> None:
    host = at(tmp_path, made(("alpha-1", "alpha-2", "beta-1")), chain)
    with (
        members(monkeypatch, alpha_1=(chain, HEIGHT), alpha_2=(chain, HEIGHT)),
        pytest.raises(HostError, match=r"not proven by nodes of 2 organisations: alpha-1: proved it; .* beta-1: .*refused"),
    ):
        begin.plan(host)


def test_a_node_of_another_chain_of_the_same_name_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, chain: Chain, host: NodeDocument
) -> None:
    other = Chain((1,) * 8, CHAIN)
    other.seats = other.seats[4:]
    other.commit(b"a=b")
    with members(monkeypatch, alpha_2=(chain, HEIGHT), beta_1=(other, 2)), pytest.raises(HostError, match="beta-1"):
        begin.plan(host)


def test_a_member_that_boasts_or_lags_changes_no_block(monkeypatch: pytest.MonkeyPatch, chain: Chain, tmp_path: Path) -> None:
    host = at(tmp_path, made(("alpha-1", "alpha-2", "beta-1")), chain)
    with members(monkeypatch, alpha_1=(chain, 10**9), alpha_2=(chain, HEIGHT), beta_1=(chain, 5)):
        found = begin.plan(host)
    assert found is not None
    assert found.newest == HEIGHT - 1


@pytest.mark.parametrize(
    ("names", "said"), [((), "nobody"), (("alpha-1", "alpha-2"), "alpha-1, alpha-2"), (("gamma-1",), "nobody")]
)
def test_members_of_two_other_organisations_must_answer(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=f"{said} answers members"):
        answering(made(names))


def told(name: str, block: Any) -> Told:
    [member] = [one for one in made().members if one.name == name]
    return Told(member, name, block)


def test_those_that_are_asked_first_check_each_other(chain: Chain, host: NodeDocument) -> None:
    block = begin_servers.open_follower(host, chain).block(3)  # type: ignore[arg-type]
    found = agreed([told("alpha-1", block), told("alpha-2", block), told("beta-1", block)], "block 3")
    assert [one.member.name for one in found] == ["alpha-1", "beta-1", "alpha-2"]


def test_two_blocks_of_one_height_are_a_split_chain(chain: Chain, host: NodeDocument) -> None:
    follower = begin_servers.open_follower(host, chain)  # type: ignore[arg-type]
    with pytest.raises(HostError, match="split"):
        same([told("alpha-1", follower.block(3)), told("beta-1", follower.block(4))])


def test_a_ledger_that_has_begun_asks_nobody(host: NodeDocument) -> None:
    (Path(host.ledger.paths["data"]) / "blockstore.db").mkdir(parents=True)
    assert begin.plan(host) is None


def test_a_platform_without_states_is_refused(host: NodeDocument) -> None:
    with pytest.raises(InputError, match="none to send"):
        begin.plan(host.model_copy(update={"ledger": host.ledger.model_copy(update={"state_blocks": None})}))


def test_the_unit_reads_what_was_proven_and_nothing_older(chain: Chain, host: NodeDocument) -> None:
    block = begin_servers.open_follower(host, chain).block(3)  # type: ignore[arg-type]
    begin.tell(host, begin.Beginning(HEIGHT, block, ("http://192.0.2.1:1", "http://192.0.2.2:1"), ANSWERING))
    file = Path(host.paths["ledger_begin"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().splitlines()[:4] == [
        "LEDGERD_STATESYNC_ENABLE=true",
        "LEDGERD_STATESYNC_RPC_SERVERS=http://192.0.2.1:1,http://192.0.2.2:1",
        "LEDGERD_STATESYNC_TRUST_HEIGHT=3",
        f"LEDGERD_STATESYNC_TRUST_HASH={block.hash}",
    ]
    assert begin.pending(host)
    begin.tell(host, begin.Beginning(5))
    assert not begin.pending(host)


@pytest.mark.parametrize(("age_hours", "period"), [(1, "168h"), (400, "800h")])
def test_a_block_of_a_slow_chain_is_trusted_long_enough(chain: Chain, host: NodeDocument, age_hours: int, period: str) -> None:
    block = begin_servers.open_follower(host, chain).block(3)  # type: ignore[arg-type]
    now = datetime.fromisoformat(block.time).astimezone(UTC) + timedelta(hours=age_hours)
    assert begin.environment("ledgerd", ("a", "b"), block, now)["LEDGERD_STATESYNC_TRUST_PERIOD"] == period


class Asked:
    """A ledger of this host that says what it is told to say."""

    def __init__(self, height: int | None, earliest: int = 0) -> None:
        self.height, self.earliest = height, earliest

    def status(self) -> Any:
        if self.height is None:
            raise HostError("no answer")
        return type("Status", (), {"height": self.height, "earliest_height": self.earliest})


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch, host: NodeDocument) -> list[str]:
    """Return what systemd is asked for, on a host that was told to begin with a state."""
    asked: list[str] = []
    monkeypatch.setattr(begin.systemd, "systemctl", lambda action, name: asked.append(f"{action} {name}"))
    for name in ("application.db", "blockstore.db"):
        (Path(host.ledger.paths["data"]) / name).mkdir(parents=True)
    (Path(host.ledger.paths["data"]) / "priv_validator_state.json").write_text("its signing state")
    Path(host.paths["ledger_begin"]).parent.mkdir()
    Path(host.paths["ledger_begin"]).write_text("told")
    return asked


def left(host: NodeDocument) -> list[str]:
    return sorted(one.name for one in Path(host.ledger.paths["data"]).iterdir())


def test_a_state_that_came_is_seen_and_what_was_told_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, host: NodeDocument, actions: list[str]
) -> None:
    monkeypatch.setattr(begin, "driver_for", lambda _: Asked(321, 301))
    assert begin.settle(host, 5, print).after == "its oldest block is 301"
    assert (actions, begin.pending(host), len(left(host))) == ([], False, 3)


def test_without_a_state_it_begins_with_the_first_block_and_keeps_its_signing_state(
    monkeypatch: pytest.MonkeyPatch, host: NodeDocument, actions: list[str]
) -> None:
    monkeypatch.setattr(begin, "driver_for", lambda _: Asked(0))
    change = begin.settle(host, 0, print)
    assert (change.why, change.after) == ("no peer handed out a whole state in 0 s", "its first block")
    assert actions == [f"stop {host.ledger.unit}", f"start {host.ledger.unit}"]
    assert (left(host), begin.pending(host)) == (["priv_validator_state.json"], False)


def test_nothing_is_removed_of_a_ledger_that_does_not_say_that_it_has_no_block(
    monkeypatch: pytest.MonkeyPatch, host: NodeDocument, actions: list[str]
) -> None:
    monkeypatch.setattr(begin, "driver_for", lambda _: Asked(None))
    with pytest.raises(Timeout, match="no answer"):
        begin.settle(host, 0, print)
    assert (actions, begin.pending(host), len(left(host))) == ([], True, 3)
