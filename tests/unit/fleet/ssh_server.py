"""A real SSH server on loopback, inside the test process: real handshakes, real host keys, a stand-in for the shell."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import cMSG_CHANNEL_SUCCESS

from nodeops.fleet.ssh import Host, Limits, read_ssh_config

# No limit of these is ever reached, unless a test is about that limit.
PATIENT = Limits(command_seconds=60.0, connect_seconds=60.0)
Shell = Callable[[str, paramiko.Channel], int | None]


def new_key(path: Path) -> paramiko.Ed25519Key:
    """Write a new key pair as ssh-keygen does, and return it."""
    data = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.write_bytes(data)
    path.chmod(0o600)
    key = paramiko.Ed25519Key.from_private_key_file(str(path))
    path.with_name(f"{path.name}.pub").write_text(f"{key.get_name()} {key.get_base64()} test\n")
    return key


class _Transport(paramiko.Transport):
    """Starts a command only once the client has been told that it will be: sshd keeps that order, paramiko does not."""

    pending: Callable[[], None] | None = None

    def _send_user_message(self, data: paramiko.Message) -> None:
        super()._send_user_message(data)
        if data.asbytes()[:1] == cMSG_CHANNEL_SUCCESS and self.pending:
            threading.Thread(target=self.pending, daemon=True).start()
            self.pending = None


class _Server(paramiko.ServerInterface):
    def __init__(self, owner: "SshServer") -> None:
        self.owner = owner

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.owner.logins.append(username)
        self.owner.certificates.append(key.public_blob is not None)
        return paramiko.AUTH_SUCCESSFUL if key == self.owner.allowed else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.owner.commands.append(command.decode())
        channel.get_transport().pending = partial(self._run, channel, command.decode())
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        # A test may have hung up meanwhile.
        with suppress(OSError, EOFError, paramiko.SSHException):
            code = self.owner.shell(command, channel)
            if code is not None:
                channel.send_exit_status(code)
                channel.close()


@dataclass
class SshServer:
    """Listens on a port of its own. `shell` gets the command and the channel; returning None leaves the channel open."""

    host_key: paramiko.PKey
    allowed: paramiko.PKey
    shell: Shell
    family: socket.AddressFamily = socket.AF_INET
    commands: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    certificates: list[bool] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listener = socket.socket(self.family)
        self.listener.bind(("::1" if self.family is socket.AF_INET6 else "127.0.0.1", 0))
        self.listener.listen()
        self.address, self.port = self.listener.getsockname()[:2]

    @property
    def known_line(self) -> str:
        return f"[{self.address}]:{self.port} {self.host_key.get_name()} {self.host_key.get_base64()}\n"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            transport = _Transport(client)
            transport.add_server_key(self.host_key)
            self.transports.append(transport)
            threading.Thread(target=self._start, args=(transport,), daemon=True).start()

    def _start(self, transport: paramiko.Transport) -> None:
        try:
            transport.start_server(server=_Server(self))
        except (paramiko.SSHException, EOFError, OSError):
            transport.close()

    def hang_up(self) -> None:
        for transport in self.transports:
            transport.close()


@contextmanager
def serving(server: SshServer) -> Iterator[SshServer]:
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        yield server
    finally:
        server.listener.close()
        server.hang_up()


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def says(out: bytes, err: bytes = b"", code: int | None = 0) -> Shell:
    def shell(command: str, channel: paramiko.Channel) -> int | None:
        channel.sendall(out)
        channel.sendall_stderr(err)
        return code

    return shell


class World:
    """A folder with ssh_config, keys and known hosts, and the servers it leads to."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.client_key = new_key(folder / "id_client")
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text("")
        self.config = folder / "ssh_config"
        self.config.write_text("")

    def server(self, node: str, shell: Shell, known: bool = True, more: str = "", **options: object) -> SshServer:
        server = SshServer(new_key(self.folder / f"host_{node}"), self.client_key, shell, **options)  # type: ignore[arg-type]
        self.stack.enter_context(serving(server))
        self.entry(node, server.address, server.port, more)
        if known:
            self.learn(server.known_line)
        return server

    def learn(self, line: str) -> None:
        self.known_hosts.write_text(self.known_hosts.read_text() + line)

    def entry(self, node: str, address: str, port: int, more: str = "") -> None:
        lines = [
            f"Host {node}",
            f"  HostName {address}",
            f"  Port {port}",
            more,
            "  User ops",
            f"  IdentityFile {self.folder / 'id_client'}",
            "  IdentitiesOnly yes",
            f"  UserKnownHostsFile {self.known_hosts}",
        ]
        self.config.write_text(self.config.read_text() + "\n".join(lines) + "\n")

    def host(self, node: str, limits: Limits = PATIENT) -> Host:
        host = Host(node, read_ssh_config(self.folder, {}), limits)
        self.stack.callback(host.close)
        return host
