"""What CometBFT measured of its rounds: from a real page, and from pages that are cut, late, huge, garbled or lying."""

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, Timeout
from nodeops.ledger.answers import Rounds
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.rounds import MOST_BYTES, MOST_LINES, Page, rounds
from nodeops.ledger.cometbft.rpc import Rpc
from tests.ports import free_ports
from tests.unit.ledger.ledger_process import Process, running_ledger
from tests.unit.ledger.ledgerd_process import running_ledgerd
from tests.unit.ledger.rpc_server import CASES, http, saying, talking

QUICK = 0.3
PATIENT = 60.0
# Four validators with the builtin application, v0.38.21, after 48 blocks.
PAGE = (CASES / "metrics.prom").read_bytes()
CHAIN, OWN = "chain-F99ECE", "7B697B0C01B0537A04A96ADD56FBA548249015D5"
STEP = "cometbft_consensus_step_duration_seconds"


def read(page: bytes, validator: str = OWN) -> Rounds:
    return rounds(page, CHAIN, validator, "there")


def line(name: str, value: object, chain: str = CHAIN, **labels: str) -> bytes:
    said = ",".join(f'{key}="{text}"' for key, text in {"chain_id": chain, **labels}.items())
    return f"cometbft_consensus_{name}{{{said}}} {value}\n".encode()


def step(name: str, seconds: object = 2.5, times: object = 5) -> bytes:
    return line("step_duration_seconds_sum", seconds, step=name) + line("step_duration_seconds_count", times, step=name)


def test_a_real_page_says_how_long_proposals_and_steps_took() -> None:
    found = read(PAGE)
    assert (found.proposals, round(found.proposal_seconds, 4), found.quorum_seconds) == (12, 0.0383, 0.104466545)
    assert list(found.steps) == ["propose", "prevote", "precommit", "commit"]
    assert {one.times for one in found.steps.values()} == {48}
    assert round(found.steps["propose"].seconds / 48, 3) == 0.084


KNOWN = {
    "a node that fetches blocks was in no round": (line("height", 5), Rounds(0, 0, None, {})),
    "a node that never proposed": (step("NewRound"), Rounds(0, 2.5, None, {})),
    "the delay of another's proposals": (line("quorum_prevote_delay", 9, proposer_address="B" * 40), Rounds(0, 0, None, {})),
    "clocks that differ": (line("quorum_prevote_delay", -0.5, proposer_address=OWN), Rounds(0, 0, -0.5, {})),
    "another chain's figures beside": (line("height", 5) + line("proposal_create_count", 7, chain="x"), Rounds(0, 0, None, {})),
    "a time and no times": (line("step_duration_seconds_sum", 5, step="Commit"), Rounds(0, 0, None, {})),
    "a step that nobody knows": (step("Dance"), Rounds(0, 0, None, {})),
}


@pytest.mark.parametrize(("page", "found"), KNOWN.values(), ids=KNOWN)
def test_what_is_not_said_is_not_made_up(page: bytes, found: Rounds) -> None:
    assert read(page) == found


def test_a_wait_between_votes_is_a_step_too() -> None:
    assert read(step("PrevoteWait")).steps["prevote_wait"].seconds == 2.5


LIES = {
    "nothing": (b"", "not the page of a ledger of chain"),
    "another's page": (b"<html>login</html>", "not the page of a ledger of chain"),
    "another chain": (line("height", 5, chain="other"), "not the page of a ledger of chain"),
    "no number": (step("Propose", "soon"), "text format"),
    "no value": (step("Propose", ""), "text format"),
    "not UTF-8": (step("Propose").replace(b"Propose", b"Pro\xffpose"), "text format"),
    "NaN": (step("Propose", "NaN"), "cannot be true"),
    "endless": (step("Propose", "+Inf"), "cannot be true"),
    "negative": (step("Propose", -1), "cannot be true"),
    "negative times": (step("Propose", 1, -1), "cannot be true"),
    "endless delay": (line("quorum_prevote_delay", "-Inf", proposer_address=OWN), "cannot be true"),
    "twice": (step("Propose") * 2, "cannot be true"),
    "twice, with a label more": (step("Propose") + line("step_duration_seconds_sum", 1, step="Propose", x="y"), "cannot be true"),
    "escapes": (step("Propose") + line("step_duration_seconds_sum", "nan", step="\x1b[31m"), "cannot be true"),
    "open labels": (step("Propose") + f'{STEP}_sum{{chain_id="{CHAIN}",step="Commit 1\n'.encode(), "text format"),
    "more lines than validators": (line("quorum_prevote_delay", 1, proposer_address="A") * (MOST_LINES + 1), "lines on rounds"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_page_that_cannot_be_true_is_refused(name: str) -> None:
    page, said = LIES[name]
    with pytest.raises(HostError) as caught:
        read(page)
    assert said in caught.value.what
    assert caught.value.where == "there"
    assert caught.value.what.isprintable()
    assert len(caught.value.what) < 300


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), st.integers(0, len(PAGE)))
def test_whatever_stands_in_a_page_it_is_read_or_refused(noise: bytes, at: int) -> None:
    for page in (PAGE[:at] + noise + PAGE[at:], PAGE[:at], PAGE + f'{STEP}_sum{{chain_id="'.encode() + noise):
        try:
            assert all(one.seconds >= 0 for one in read(page).steps.values())
        except HostError as error:
            assert error.what.isprintable()


def page_at(url: str, seconds: float = PATIENT) -> Page:
    parts = urlsplit(url)
    return Page(str(parts.hostname), int(parts.port or 0), seconds)


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [http(PAGE), chunked(PAGE)], ids=["whole", "in chunks, as CometBFT does"])
def test_a_page_is_read(answer: bytes) -> None:
    with saying(answer) as url:
        assert page_at(url).read() == PAGE


BAD = {
    "nothing": (b"", "closed without an answer"),
    "not HTTP": (b"\x16\x03\x01 go away\r\n\r\n", "not HTTP"),
    "cut": (http(PAGE)[:-4], "before the answer was whole"),
    "cut chunk": (chunked(PAGE)[:-400], "before the answer was whole"),
    "too many at once": (http(b"busy", "503 Service Unavailable"), "HTTP status 503"),
    "elsewhere": (http(b"", "302 Found"), "HTTP status 302"),
    "huge": (http(b"#" * (MOST_BYTES + 1)), "larger than"),
    "huge, in chunks": (chunked(b"#" * (MOST_BYTES + 1)), "larger than"),
    "endless header": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000, "not HTTP"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_page_that_is_not_whole_is_a_clear_error(name: str) -> None:
    answer, said = BAD[name]
    with saying(answer) as url, pytest.raises(HostError) as caught:
        page_at(url).read()
    assert said in caught.value.what
    assert caught.value.where == f"{url}/metrics"


def test_a_port_where_nobody_listens_is_a_clear_error() -> None:
    with pytest.raises(HostError, match="connection refused"):
        Page("127.0.0.1", free_ports(1)[0], PATIENT).read()


def dripping(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(2000):
        connection.sendall(b"# a\n")
        time.sleep(0.05)


def test_a_page_that_drips_in_is_given_up() -> None:
    with talking(dripping) as url, pytest.raises(Timeout, match=r"within 0\.3 seconds"):
        page_at(url, QUICK).read()


def test_another_hosts_ledger_is_not_asked_for_it() -> None:
    with pytest.raises(HostError, match="on its own host alone"):
        CometBft(Rpc("http://127.0.0.1:1"), CHAIN).rounds(OWN)


@pytest.mark.lab
@pytest.mark.parametrize("running", [running_ledger, running_ledgerd], ids=["cometbft", "cosmos"])
def test_a_real_process_measures_each_of_its_proposals(
    tmp_path: Path, running: Callable[[Path], AbstractContextManager[Process]]
) -> None:
    with running(tmp_path / "ledger") as process:
        node = CometBft(Rpc(process.url), process.chain, process.page)
        process.wait_for_height(3)
        own = node.status().validator_address
        before = node.rounds(own)
        process.wait_for_height(node.status().height + 3)
        after = node.rounds(own)
    assert after.proposals >= before.proposals + 2
    assert before.proposal_seconds < after.proposal_seconds < PATIENT
    assert after.quorum_seconds is not None
    assert {"propose", "prevote", "precommit", "commit"} <= set(after.steps)
    assert all(before.steps[name].times < one.times for name, one in after.steps.items() if name != "prevote_wait")
