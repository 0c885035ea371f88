"""What signed headers prove, on a chain of real keys: own votes are seen, and nobody's lie passes."""

import base64
import json
from typing import Any

import pytest

from nodeops.backup.restore.evidence import Known, newest_headers, read_witness, told
from nodeops.backup.restore.plan import SILENT_COMMITS
from nodeops.core.errors import InputError
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.follow import Follower
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.ledger.cometbft.rpc import Rpc
from tests.unit.records.chain import Chain, served

HEIGHT = 30


@pytest.fixture
def chain() -> Chain:
    found = Chain()
    for number in range(HEIGHT):
        found.commit(b"%d=1" % number)
    return found


def known(chain: Chain, own: int = 3) -> Known:
    names = ["alpha", "beta", "gamma", "alpha"]
    organisations = {seat.address: name for seat, name in zip(chain.seats, names, strict=True)}
    seat = chain.seats[own]
    return Known(Follower(chain.trusted(), chain).prove, organisations, base64.b64encode(seat.public).decode(), seat.address)


def header(chain: Chain, height: int = HEIGHT, **votes: Any) -> dict[str, Any]:
    """Return a signed header with the last vote changed, or absent."""
    found = json.loads(json.dumps(chain.signed_header(height)))
    found["commit"]["signatures"][3] |= votes
    return dict(found)


ABSENT = {"block_id_flag": 1, "validator_address": "", "timestamp": "0001-01-01T00:00:00Z", "signature": None}


def test_a_block_tells_who_signed_it_and_when(chain: Chain) -> None:
    (block,) = told("n", [header(chain)], known(chain)).blocks
    assert (block.height, block.round, block.own) == (HEIGHT, 1, True)
    assert block.signers == {"alpha", "beta", "gamma"}
    assert block.seconds > 0


VOTES = {
    "its vote": ({}, True),
    "its vote for nil": ({"block_id_flag": 3}, True),
    "a vote in its name that does not verify": ({"signature": base64.b64encode(b"x" * 64).decode()}, True),
    "no vote": (ABSENT, False),
}


@pytest.mark.parametrize(("change", "own"), VOTES.values(), ids=VOTES)
def test_every_kind_of_own_vote_is_seen(chain: Chain, change: dict[str, Any], own: bool) -> None:
    assert told("n", [header(chain, **change)], known(chain)).blocks[0].own is own


def too_few(chain: Chain) -> dict[str, Any]:
    found = header(chain, **ABSENT)
    found["commit"]["signatures"][2] |= ABSENT
    return found


def another_height(chain: Chain) -> dict[str, Any]:
    """Return the newest block, said to be a later one."""
    found = header(chain)
    found["header"]["height"] = found["commit"]["height"] = str(HEIGHT + 50)
    return found


def another_time(chain: Chain) -> dict[str, Any]:
    found = header(chain)
    found["header"]["time"] = "2027-01-01T00:00:00Z"
    return found


def strangers(_: Chain) -> dict[str, Any]:
    """Return the block of a chain of the same name that other keys sign: a tip that is made up."""
    other = Chain((1,) * 8)
    other.seats = other.seats[4:]
    other.commit(b"a=1")
    return dict(other.signed_header(1))


@pytest.mark.parametrize("lie", [too_few, another_height, another_time])
def test_a_lie_about_the_tip_is_caught(chain: Chain, lie: Any) -> None:
    with pytest.raises(ProofError):
        told("n", [lie(chain)], known(chain))


def test_a_tip_that_others_sign_is_caught(chain: Chain) -> None:
    with pytest.raises(ProofError):
        told("n", [strangers(chain)], known(Chain()))


ENDLESS = '{"node": "n", "headers": [{"header": {"height": 1e999}}]}'
NO_HEADERS = '{"node": "n", "headers": 3}', '{"node": "n", "headers": [{}]}', ENDLESS


@pytest.mark.parametrize("text", ["", "{}", "[]", *NO_HEADERS, "[" * 99999])
def test_what_is_no_witness_is_a_clear_error(chain: Chain, tmp_path: Any, text: str) -> None:
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(InputError):
        read_witness(tmp_path / "w.json", known(chain))
    with pytest.raises(InputError):
        read_witness(tmp_path / "missing.json", known(chain))


def test_what_a_node_answers_is_read_whole_and_another_host_proves_it(chain: Chain, tmp_path: Any) -> None:
    def as_high(method: str, result: dict[str, Any]) -> Any:
        if method == "status":
            result["sync_info"] |= {
                "latest_block_height": str(HEIGHT),
                "earliest_block_height": "1",
                "latest_block_hash": "A" * 64,
            }
        return result

    with served(chain, as_high) as port:
        headers = newest_headers(CometBft(Rpc(f"http://127.0.0.1:{port}"), chain.name))
    (tmp_path / "w.json").write_text(json.dumps({"node": "b", "headers": headers}))
    shown = read_witness(tmp_path / "w.json", known(chain))
    assert [one.height for one in shown.blocks] == list(range(HEIGHT, HEIGHT - SILENT_COMMITS, -1))
