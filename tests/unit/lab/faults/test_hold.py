"""The program that holds packets back: when each goes on, what is said to the kernel, and that the kernel does it."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nodeops.lab.faults import hold
from nodeops.lab.faults.hold import Held

DELAY_MS = 60
# include/uapi/asm-generic/socket.h
_SO_TIMESTAMPNS = 35
PACKETS = 200
TOOLS = [Path("/usr/sbin/nft"), Path("/usr/sbin/ip")]
real = pytest.mark.skipif(
    os.geteuid() != 0 or not all(tool.exists() for tool in TOOLS), reason="needs root, and nftables and iproute2: make test-tools"
)
CHAIN = "add table ip t; add chain ip t c { type filter hook output priority raw - 10 ; }"
# Packets to itself in one direction: how long the first took by the stamp of the kernel that receives it, by which the mesh
# measures, and the order of many others.
PROBE = f"""
import socket, struct, time
one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
for link in (one, other):
    link.bind(("127.0.0.1", 0)); link.settimeout(30); link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
other.setsockopt(socket.SOL_SOCKET, {_SO_TIMESTAMPNS}, 1)
began = time.time_ns()
one.sendto(b"", other.getsockname())
seconds, nanoseconds = struct.unpack("@qq", other.recvmsg(9, 64)[1][0][2])
print((seconds * 1_000_000_000 + nanoseconds - began) / 1e9)
for number in range({PACKETS}):
    one.sendto(str(number).encode(), other.getsockname())
print(*[int(other.recv(9)) for _ in range({PACKETS})])
"""


def of(*chances: float) -> Callable[[], float]:
    left = iter(chances)
    return lambda: next(left)


@pytest.mark.parametrize(
    ("jitter", "chances", "order", "at_110_ms"),
    [
        (0.0, (0.0, 1.0, 0.5), [1, 2, 3], [1, 2]),
        (0.1, (1.0, 0.5, 0.0), [3, 2, 1], [3, 2]),
        (0.05, (0.5, 0.5, 0.5), [1, 2, 3], [1, 2]),
        (0.05, (1.0, 0.0, 0.5), [2, 3, 1], [2]),
    ],
    ids=["in order", "the last is first", "jitter that is none", "one is overtaken"],
)
def test_each_goes_on_at_its_time(jitter: float, chances: tuple[float, ...], order: list[int], at_110_ms: list[int]) -> None:
    held = Held(0.1, jitter, of(*chances))
    for number in (1, 2, 3):
        held.arrived(number, number / 100 - 0.01)
    soon = held.due(0.11)
    assert soon == at_110_ms
    assert soon + held.due(9.0) == order
    assert held.due(9.0) == []


def test_what_arrives_at_one_time_keeps_its_order() -> None:
    held = Held(0.1, 0.0)
    for number in range(9, 12):
        held.arrived(number, 5.0)
    assert held.due(6.0) == [9, 10, 11]


def test_it_waits_for_the_next_one_and_for_ever_where_there_is_none() -> None:
    held = Held(0.5, 0.0)
    assert held.wait(10.0) is None
    held.arrived(1, 10.0)
    assert held.wait(10.2) == pytest.approx(0.3)
    assert held.wait(99.0) == 0.0


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (hold.attribute(3, b"ab"), "0600 0300 6162 0000"),
        (
            hold.message(0x301, 1, hold.attribute(2, b"\0\0\0\1"), resource=7),
            "1c000000 0103 0100 00000000 00000000 0000 0007 08000200 00000001",
        ),
        (hold.let_go([5]), "20000000 0103 0100 00000000 00000000 0000 1267 0c000200 00000001 00000005"),
        (hold.let_go([]), ""),
    ],
    ids=["padded", "a message", "a verdict", "no verdict"],
)
@pytest.mark.skipif(sys.byteorder != "little", reason="the bytes are those of a little-endian machine")
def test_messages_are_as_the_kernel_reads_them(made: bytes, expected: str) -> None:
    assert made == bytes.fromhex(expected)


OTHER = hold.attribute(10, b"\0\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (hold.message(0x300, 0, hold.attribute(1, b"\0\0\1\2\x08\0\0")), 258),
        (hold.message(0x300, 0, OTHER + hold.attribute(1, b"\0\0\0\3\x08\0\0")), 3),
        (hold.message(0x300, 0, OTHER), None),
        (hold.message(0x300, 0), None),
        (hold.message(2, 0, hold.attribute(1, b"\0\0\0\3\x08\0\0")), None),
    ],
    ids=["a packet", "after another attribute", "without a number", "empty", "an error"],
)
def test_a_packet_is_known_by_its_number(data: bytes, number: int | None) -> None:
    assert hold.packet_of(data) == number


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Return a function that starts the program in a network of its own, and returns once it says that it holds."""
    with ExitStack() as stack, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(30)

        def start(jitter: int) -> subprocess.Popen[str]:
            line = f"ip link set lo up; nft '{CHAIN}'; exec {sys.executable} -I {hold.__file__} t c {DELAY_MS} {jitter}"
            environment = {**os.environ, "NOTIFY_SOCKET": told.getsockname()}
            words = ["unshare", "--net", "sh", "-ec", line]
            process = stack.enter_context(subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            try:
                assert told.recv(99) == b"READY=1"
            except TimeoutError:
                process.kill()
                said = process.communicate()[1]
                if "the kernel does not let" in said:
                    pytest.skip(said)
                raise AssertionError(said) from None
            return process

        yield start


def probed(process: subprocess.Popen[str]) -> tuple[float, list[int]]:
    """Return the seconds that a packet took in the program's network, and the order in which many came."""
    words = ["nsenter", f"--net=/proc/{process.pid}/ns/net", sys.executable, "-c", PROBE]
    took, order = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    return float(took), [int(number) for number in order.split()]


@real
def test_the_kernel_holds_packets_back_and_keeps_their_order(holding: Callable[[int], subprocess.Popen[str]]) -> None:
    took, order = probed(holding(0))
    assert took >= DELAY_MS / 1000
    assert order == list(range(PACKETS))


@real
def test_jitter_lets_packets_overtake_and_loses_none(holding: Callable[[int], subprocess.Popen[str]]) -> None:
    _, order = probed(holding(DELAY_MS))
    assert order != list(range(PACKETS))
    assert sorted(order) == list(range(PACKETS))
