"""SSH for real, over loopback: who is let in, whom we believe, and what a hostile or silent host can do to us."""

import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from nodeops.core.errors import InputError
from nodeops.fleet import reply as reply_module
from nodeops.fleet.reply import State
from nodeops.fleet.ssh import Host, Limits, read_ssh_config
from tests.ports import free_ports
from tests.unit.fleet.ssh_server import PATIENT, World, new_key, says, silent_port


def test_a_command_is_run_and_answered(world: World) -> None:
    server = world.server("cu-1", says(b"out\n", b"err\n", 4))
    reply = world.host("cu-1").run("sudo -n nodeops 'a b'")
    assert (reply.state, reply.exit_code, reply.stdout, reply.stderr) == (State.ANSWERED, 4, "out\n", "err\n")
    assert server.commands == ["sudo -n nodeops 'a b'"]
    assert set(server.logins) == {"ops"}


def test_the_connection_is_kept_and_opened_anew_when_it_broke(world: World) -> None:
    server = world.server("cu-1", says(b"x"))
    host = world.host("cu-1")
    assert [host.run("one").state, host.run("two").state] == [State.ANSWERED, State.ANSWERED]
    assert len(server.transports) == 1
    server.hang_up()
    assert host.run("three").state is State.ANSWERED
    assert len(server.transports) == 2


def test_ipv6(world: World) -> None:
    try:
        world.server("cu-1", says(b"six"), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert world.host("cu-1").run("x").stdout == "six"


def test_the_address_of_the_consortium_file_stands_in_for_a_missing_host_name(world: World) -> None:
    server = world.server("cu-1", says(b"x"))
    world.config.write_text(world.config.read_text().replace(f"  HostName {server.address}\n", ""))
    host = Host("cu-1", read_ssh_config(world.folder, {"cu-1": "127.0.0.1"}), PATIENT)
    assert host.run("x").state is State.ANSWERED
    host.close()


def test_an_unknown_host_key_is_never_accepted(world: World) -> None:
    server = world.server("cu-1", says(b"x"), known=False)
    for _ in range(2):
        reply = world.host("cu-1").run("x")
        assert reply.state is State.HOST_KEY
        assert server.host_key.fingerprint in reply.error
        assert str(world.known_hosts) in reply.hint
    assert (server.commands, server.logins) == ([], [])
    assert world.known_hosts.read_text() == ""


def test_a_changed_host_key_is_never_accepted(world: World) -> None:
    server = world.server("cu-1", says(b"x"), known=False)
    other = new_key(world.folder / "other")
    world.learn(server.known_line.replace(server.host_key.get_base64(), other.get_base64()))
    reply = world.host("cu-1").run("x")
    assert reply.state is State.HOST_KEY
    assert server.host_key.fingerprint in reply.error
    assert other.fingerprint in reply.error
    assert (server.commands, server.logins) == ([], [])


def test_a_host_key_may_be_known_under_an_alias(world: World) -> None:
    server = world.server("cu-1", says(b"x"), known=False, more="  HostKeyAlias cu-1.example")
    world.learn(f"cu-1.example {server.host_key.get_name()} {server.host_key.get_base64()}\n")
    assert world.host("cu-1").run("x").state is State.ANSWERED


def test_no_key_but_the_named_one_is_offered(world: World) -> None:
    server = world.server("cu-1", says(b"x"))
    (world.folder / "home" / ".ssh").mkdir(parents=True)
    new_key(world.folder / "home" / ".ssh" / "id_ed25519")
    server.allowed = new_key(world.folder / "somebody")
    reply = world.host("cu-1").run("x")
    assert reply.state is State.LOGIN
    assert len(server.logins) == 1


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_certificate_is_shown_wherever_it_lies(world: World, encrypted: bool) -> None:
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", ""]
    subprocess.run([*keygen, "-f", world.folder / "authority"], check=True)
    signing = ["ssh-keygen", "-q", "-s", world.folder / "authority", "-I", "ops", "-n", "ops", world.folder / "id_client.pub"]
    subprocess.run(signing, check=True)
    (world.folder / "certificates").mkdir()
    certificate = (world.folder / "id_client-cert.pub").rename(world.folder / "certificates/ops")
    others = f"  IdentityFile {world.folder / 'id_other'}"
    new_key(world.folder / "id_other")
    if encrypted:
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", world.folder / "id_other"], check=True)
    server = world.server("cu-1", says(b"{}"), more=f"  CertificateFile {certificate}\n{others}")
    assert world.host("cu-1").run("x").state is State.ANSWERED
    assert server.certificates[0] is True


@pytest.mark.parametrize("name", ["none", "/nowhere/at-all"])
def test_a_certificate_that_is_not_there_is_passed_over(world: World, name: str) -> None:
    world.server("cu-1", says(b"{}"), more=f"  CertificateFile {name}")
    assert world.host("cu-1").run("x").state is State.ANSWERED


def test_without_a_key_the_reply_says_so(world: World) -> None:
    world.server("cu-1", says(b"x"))
    (world.folder / "id_client").unlink()
    reply = world.host("cu-1").run("x")
    assert reply.state is State.LOGIN
    assert "IdentityFile" in reply.hint


def test_a_refused_login_names_what_ssh_may_use_and_we_do_not(world: World) -> None:
    world.server("cu-1", says(b""), more="  PKCS11Provider /usr/lib/p11.so").allowed = new_key(world.folder / "id_stranger")
    reply = world.host("cu-1").run("x")
    assert (reply.state, "not used by nodeops fleet: PKCS11Provider" in reply.hint) == (State.LOGIN, True)


def test_a_port_that_never_speaks_is_dead(world: World) -> None:
    port = world.stack.enter_context(silent_port())
    world.entry("cu-1", "127.0.0.1", port)
    reply = world.host("cu-1", Limits(command_seconds=60.0, connect_seconds=0.2)).run("x")
    assert reply.state is State.DEAD
    assert reply.hint


def test_a_port_that_is_closed_is_dead(world: World) -> None:
    (port,) = free_ports(1)
    world.entry("cu-1", "127.0.0.1", port)
    assert world.host("cu-1").run("x").state is State.DEAD


def test_a_port_that_speaks_garbage_is_dead(world: World) -> None:
    listener = world.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    world.entry("cu-1", *listener.getsockname())

    def speak() -> None:
        with listener.accept()[0] as client:
            client.sendall(b"SSH-2.0-\x00\xff\n" + b"\xff" * 70_000)
            client.recv(1)

    threading.Thread(target=speak, daemon=True).start()
    assert world.host("cu-1").run("x").state is State.DEAD


def test_a_command_without_end_is_cut(world: World) -> None:
    world.server("cu-1", says(b"part", code=None))
    reply = world.host("cu-1", Limits(command_seconds=0.3, connect_seconds=60.0)).run("x")
    assert (reply.state, reply.exit_code) == (State.LATE, None)


def test_output_without_end_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_module, "OUTPUT_LIMIT_BYTES", 10_000)

    def flood(command: str, channel: paramiko.Channel) -> int | None:
        try:
            while True:
                channel.sendall(b"x" * 4096)
        except OSError:
            return None

    world.server("cu-1", flood)
    assert world.host("cu-1").run("x").state is State.TOO_LONG


def test_a_host_that_hangs_up_in_the_middle_is_dead(world: World) -> None:
    def hang_up(command: str, channel: paramiko.Channel) -> int | None:
        channel.get_transport().close()
        return None

    world.server("cu-1", hang_up)
    assert world.host("cu-1").run("x").state is State.DEAD


def test_bytes_that_are_no_text_are_kept_readable(world: World) -> None:
    world.server("cu-1", says(b"\xff\xfe\x00ok"))
    assert world.host("cu-1").run("x").stdout.endswith("ok")


def test_a_jump_host_is_held_to_the_same_rules(world: World) -> None:
    jump = world.server("gate", says(b"x"), known=False)
    world.server("cu-1", says(b"x"), more="  ProxyJump gate")
    reply = world.host("cu-1").run("x")
    assert reply.state is State.HOST_KEY
    assert jump.logins == []


@pytest.mark.parametrize(
    ("text", "line", "named"),
    [
        ("Host cu-1\n  User\n", 2, "User"),
        ("# fine\n\nHost cu-1\n???\n", 4, "???"),
        ('Host "cu-1\n', 1, "cu-1"),
        ("Match nonsense\n", 1, "nonsense"),
        ("Host *\n  Include other\n", 2, "Include"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, line: int, named: str) -> None:
    (tmp_path / "ssh_config").write_text(text)
    with pytest.raises(InputError, match=named.replace("?", r"\?")) as raised:
        read_ssh_config(tmp_path, {})
    assert raised.value.where == f"{tmp_path / 'ssh_config'}:{line}"


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff\xfe")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "ssh_config")
    with pytest.raises(InputError, match="cannot be read"):
        read_ssh_config(tmp_path, {})


def test_without_a_file_the_users_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host cu-1\n  User somebody\n  ConnectTimeout 9\n")
    source = read_ssh_config(tmp_path, {"cu-1": "192.0.2.1"})
    assert source.choices("cu-1").connect_seconds == 9.0
    assert source.config.lookup("cu-1")["hostname"] == "192.0.2.1"


def test_a_known_hosts_file_that_is_none_is_named(world: World) -> None:
    world.server("cu-1", says(b"x"))
    world.known_hosts.write_text("[127.0.0.1]:1 ssh-ed25519 AAAAB\n")
    with pytest.raises(InputError, match="known hosts"):
        world.host("cu-1")
