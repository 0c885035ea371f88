"""Probers that ask each other over real sockets, in a network of their own where packets can be lost on purpose."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

from nodeops.mesh import prober as probing
from nodeops.mesh import status, window
from nodeops.mesh.keys import Shared
from nodeops.mesh.packet import ANSWER, QUESTION, SIZE, Packet, packed
from nodeops.mesh.prober import SELF, Peer, Prober, open_sockets, round_trip
from tests.filesystems.disks import child, ended
from tests.tiers import slow

PORT = 9656
ONE, TWO, COPY, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9"
KEY = b"k" * 32
MARKS = {ONE: b"one-----", TWO: b"two-----"}
_NEW_NETWORK = 0x40000000


def alone(work: Callable[[], object]) -> None:
    """Do work in a process that has a network of its own, with loopback; fail when it fails."""

    def apart() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "no network of its own")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        work()

    assert ended(child(apart)) == 0


class Running:
    """A prober at work in a thread: at one address, asking the other."""

    def __init__(self, own: str, other: str, asks: bool = True) -> None:
        itself = Peer(SELF, (own,), Shared(MARKS[own], os.urandom(32)), asked=True)
        self.peer = Peer("other", (other,), Shared(MARKS[other], KEY), asked=asks)
        members = [itself, self.peer]
        self.prober = Prober(MARKS[own], members, open_sockets(own, PORT, members), PORT)
        self._quiet = self._ended = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        with pytest.raises(StopIteration):
            self.prober.run(self._tick)

    def _tick(self) -> None:
        if self._ended:
            raise StopIteration
        if self._quiet:
            self.prober._due.clear()

    def stop(self) -> None:
        """Ask no more, wait until every question has its fate and what is late has come, and end."""
        self._quiet = True
        until(lambda: not self.prober._due)
        counts = self.peer.window.counts
        until(lambda: counts.sent == counts.answered + counts.lost)
        settled(lambda: counts.late)
        self._ended = True
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(probing, "INTERVAL_SECONDS", 0.005)
    monkeypatch.setattr(window, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setenv("SHOW_CHILDREN", "1")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def settled(count: Callable[[], int]) -> None:
    """Wait until a count stays the same for a second: on a busy machine what is late may be later than the timeout again."""
    before = -1
    while before != (before := count()):
        time.sleep(1.0)


def rule(text: str) -> None:
    script = f"table ip lossy {{ counter gone {{ }}; chain c {{ type filter hook input priority 0; {text} }}; }}"
    subprocess.run(["nft", "-f", "-"], input=script.encode(), check=True)


def gone() -> int:
    said = subprocess.run(["nft", "--json", "list", "counter", "ip", "lossy", "gone"], capture_output=True, check=True).stdout
    return next(one["counter"]["packets"] for one in json.loads(said)["nftables"] if "counter" in one)


needs_nft = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft", path="/usr/sbin:/usr/bin"), reason="root, nft")


@slow
@needs_nft
@pytest.mark.parametrize("lost", ["questions", "answers"])
def test_loss_is_what_was_lost_to_the_packet(lost, monkeypatch):
    # A machine that stands for a moment asks for all it missed at once: the limit is not what this is about.
    monkeypatch.setattr(probing, "_ANSWERS_A_SECOND", 10_000.0)
    monkeypatch.setattr(probing, "_ANSWERS_AT_ONCE", 10_000.0)

    def work() -> None:
        to = TWO if lost == "questions" else ONE
        rule(f"ip daddr {to} ip saddr != {to} udp dport {PORT} numgen random mod 10 < 2 counter name gone drop;")
        # The other answers and does not ask: only packets of one's questions are in the way. It listens before the first comes.
        two = Running(TWO, ONE, asks=False)
        one = Running(ONE, TWO)
        until(lambda: one.peer.window.counts.sent > 300)
        one.stop()
        two.stop()
        counts = one.peer.window.counts
        assert counts.lost - counts.late == gone() > 20
        assert counts.sent == counts.answered + counts.lost
        assert (counts.duplicate, counts.unsent) == (0, 0)

    alone(work)


@needs_nft
def test_a_question_that_the_kernel_does_not_send_is_no_lost_packet_and_no_fine_path():
    def work() -> None:
        # As a host without a route: the call fails, and no packet leaves.
        script = f"table ip mute {{ chain c {{ type filter hook output priority 0; ip daddr {TWO} drop; }}; }}"
        subprocess.run(["nft", "-f", "-"], input=script.encode(), check=True)
        one = Running(ONE, TWO)
        until(lambda: one.peer.window.counts.unsent > 20)
        counts, view = one.peer.window.counts, one.peer.window.view(time.monotonic())
        assert (counts.sent, counts.lost) == (0, 0)
        assert view.lost == view.ended > 10
        one.stop()

    alone(work)


def test_who_measures_alone_is_silent_and_knows_its_own_noise():
    def work() -> None:
        one = Running(ONE, TWO)
        until(lambda: one.peer.window.counts.lost > 10)
        one.stop()
        found = status.seen("one", one.prober.peers, one.prober.refused, ["third"])
        path = found.paths["other"]
        assert (path.answered, path.recent, path.silent_seconds) == (0, path.recent_lost, None)
        assert 0 < found.noise.rtt_median < 1
        assert found.without_certificate == ["third"]

    alone(work)


def asked(number: int, run: bytes = b"r" * 8) -> bytes:
    return packed(Packet(QUESTION, MARKS[TWO], run, number), KEY)


@needs_nft
def test_nobody_but_a_member_gets_an_answer_and_no_answer_is_larger():
    def work() -> None:
        one = Running(ONE, TWO, asks=False)
        question = asked(1)
        member, stranger = sender(TWO), sender(STRANGER)
        # A member's own packet, sent again by somebody else: to answer it would make the host a reflector.
        stranger.sendto(question, (ONE, PORT))
        stranger.sendto(os.urandom(SIZE), (ONE, PORT))
        member.sendto(question[:-1] + b"x", (ONE, PORT))
        member.sendto(os.urandom(1400), (ONE, PORT))
        member.sendto(b"", (ONE, PORT))
        # An answer to nothing, and one to an earlier run.
        member.sendto(packed(Packet(ANSWER, MARKS[TWO], b"r" * 8, 1, 5), KEY), (ONE, PORT))
        member.sendto(question, (ONE, PORT))
        answer = member.recv(4096)
        assert len(answer) == SIZE
        assert not received(stranger)
        for number in range(200):
            member.sendto(asked(2 + number), (ONE, PORT))
        time.sleep(0.3)
        assert len(received(member)) < 40
        one.stop()
        refused = one.prober.refused
        assert (refused.strangers, refused.forged, refused.repeated) == (4, 1, 0)
        assert refused.too_many > 150

    alone(work)


@needs_nft
def test_what_was_seen_and_is_sent_again_gets_nothing_and_costs_the_member_nothing():
    """By somebody on the way, in the member's name: its questions, those of its earlier run too, over and over."""

    def work() -> None:
        one = Running(ONE, TWO, asks=False)
        member = sender(TWO)
        recorded = [asked(number, run) for run in (b"earlier-", b"now-----") for number in (1, 2)]
        for packet in recorded:
            member.sendto(packet, (ONE, PORT))
        # No more at once than a socket holds for a prober that waits for the processor: what is lost there proves nothing.
        for times in range(10):
            for packet in recorded * 10:
                member.sendto(packet, (ONE, PORT))
            until(lambda sent=40 * (times + 1): one.prober.refused.repeated == sent)
        assert len(received(member)) == len(recorded)
        for number in range(20):
            member.sendto(asked(3 + number, b"now-----"), (ONE, PORT))
        assert [len(member.recv(4096)) for _ in range(20)] == [SIZE] * 20
        one.stop()
        assert one.prober.refused.too_many == 0

    alone(work)


@needs_nft
def test_an_answer_goes_to_the_prober_of_a_member_and_to_no_other_program_there():
    def work() -> None:
        one = Running(ONE, TWO, asks=False)
        member, other = sender(TWO), sender(TWO, 53)
        other.sendto(asked(1), (ONE, PORT))
        assert len(member.recv(4096)) == SIZE
        assert not received(other)
        one.stop()

    alone(work)


@needs_nft
def test_a_member_with_the_key_of_another_takes_nothing_from_it():
    """As a host that was copied whole: its packets are its own by its address, whoever is listed last."""

    def work() -> None:
        itself = Peer(SELF, (ONE,), Shared(MARKS[ONE], os.urandom(32)), asked=True)
        members = [itself, *(Peer(at, (at,), Shared(MARKS[TWO], KEY), asked=False) for at in (TWO, COPY))]
        one = Prober(MARKS[ONE], members, open_sockets(ONE, PORT, members), PORT)
        ticks = iter(range(20))
        question = packed(Packet(QUESTION, MARKS[TWO], b"r" * 8, 1), KEY)
        member = sender(TWO)
        member.sendto(question, (ONE, PORT))
        with pytest.raises(StopIteration):
            one.run(lambda: next(ticks))
        assert len(member.recv(4096)) == SIZE
        assert one.refused.strangers == 0

    alone(work)


def sender(address: str, port: int = PORT) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    made.settimeout(60)
    return made


def received(one: socket.socket) -> list[bytes]:
    """Return what came."""
    one.setblocking(False)
    found = []
    try:
        while True:
            found.append(one.recv(4096))
    except BlockingIOError:
        return found
    finally:
        one.settimeout(60)


@pytest.mark.parametrize(
    ("stamp", "now", "hold", "expected"),
    [
        (2_000_000_000, 102.0, 0, 1.0),
        (2_000_000_000, 102.0, 400_000_000, 0.6),
        # The wall clock was set back or forward while the answer was under way.
        (500_000_000, 102.0, 0, 2.0),
        (900_000_000_000, 102.0, 0, 2.0),
        # A peer that says it held the question for longer than it was away.
        (2_000_000_000, 102.0, 5_000_000_000, 0.0),
    ],
)
def test_a_round_trip_is_never_negative_and_never_longer_than_it_was(stamp, now, hold, expected):
    assert round_trip((1_000_000_000, 100.0), stamp, now, hold) == pytest.approx(expected)
