"""A command that answers line by line, over a real SSH connection: one start for many questions, and nobody waits for ever."""

import json

import paramiko
import pytest

from nodeops.core.errors import HostError
from nodeops.fleet import reply as reply_module
from nodeops.fleet.reach import answer_of
from nodeops.fleet.reply import State
from nodeops.fleet.ssh import Limits
from tests.unit.fleet.ssh_server import Shell, World


def echoes(times: int = 1000, greeting: bytes = b"", end: str = "\n") -> Shell:
    """Return a shell whose command answers so many lines with what it was told, and ends."""

    def shell(command: str, channel: paramiko.Channel) -> int:
        if command == "other":
            return 0
        channel.sendall(greeting)
        lines = channel.makefile("r")
        for _, line in zip(range(times), lines, strict=False):
            channel.sendall((json.dumps({"told": line.strip()}) + end).encode())
        return 0

    return shell


def test_one_command_answers_every_line(world: World) -> None:
    server, host = world.server("cu-1", echoes(greeting=b"welcome to cu-1\n{not yours}\n")), world.host("cu-1")
    for text in ("one", "two", "x" * 200_000):
        assert json.loads(host.talk("relay", text).stdout) == {"told": text}
    assert host.run("other").exit_code == 0
    assert (server.commands, len(server.transports)) == (["relay", "other"], 1)


def test_one_that_ended_or_whose_connection_broke_is_begun_anew(world: World) -> None:
    server, host = world.server("cu-1", echoes(times=2)), world.host("cu-1")
    for text in ("one", "two", "three"):
        assert json.loads(host.talk("relay", text).stdout) == {"told": text}
    server.hang_up()
    assert json.loads(host.talk("relay", "four").stdout) == {"told": "four"}
    assert len(server.commands) == 3


@pytest.mark.parametrize(
    ("out", "err", "code", "state", "why"),
    [
        (b"", b"sudo: a password is required\n", 1, State.NOT_RUN, "a password is required"),
        (b"", b"sudo: nodeops: command not found\n", 1, State.NOT_RUN, "nodeops: command not found"),
        (b'{"error": {"kind": "host", "what": "no document"}}\n', b"", 3, State.ANSWERED, ""),
        (b"hello\n", b"usage\n", 2, State.ANSWERED, ""),
    ],
    ids=["sudo refuses", "no nodeops", "it says why", "another program"],
)
def test_one_that_ends_at_once_is_no_answer(world: World, out: bytes, err: bytes, code: int, state: State, why: str) -> None:
    def shell(_: str, channel: paramiko.Channel) -> int:
        channel.sendall(out)
        channel.sendall_stderr(err)
        return code

    world.server("cu-1", shell)
    reply = world.host("cu-1").talk("relay", "one")
    assert (reply.state, reply.error) == (state, why)
    with pytest.raises(HostError, match="no document" if b"error" in out else "."):
        answer_of(reply)


@pytest.mark.parametrize("end", ["", " "], ids=["no end of a line", "spaces"])
def test_one_that_never_answers_is_cut(world: World, end: str) -> None:
    world.server("cu-1", echoes(end=end))
    reply = world.host("cu-1", Limits(command_seconds=0.5, connect_seconds=60)).talk("relay", "one")
    assert (reply.state, reply.error) == (State.LATE, "no answer within 0.5 s")


def test_an_answer_without_end_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_module, "OUTPUT_LIMIT_BYTES", 10_000)
    world.server("cu-1", echoes(greeting=b"x" * 20_000))
    assert world.host("cu-1").talk("relay", "one").state is State.TOO_LONG
