"""SSH to one host, strictly: only what ssh_config says, only host keys that are known. The one place that imports fabric."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from threading import Event, Timer
from typing import Any

from fabric import Config, Connection
from invoke.exceptions import ThreadException
from paramiko import (
    AuthenticationException,
    BadHostKeyException,
    PasswordRequiredException,
    RejectPolicy,
    SSHConfig,
    SSHException,
)
from paramiko.ssh_exception import CouldNotCanonicalize

from nodeops.core.errors import InputError
from nodeops.fleet.reply import (
    OUTPUT_LIMIT_BYTES,
    OutputCounter,
    OutputTooLongError,
    Reply,
    State,
    json_text,
    not_run,
    one_line,
)
from nodeops.fleet.ssh_choices import SshChoices, parse_into, ssh_choices
from nodeops.fleet.ssh_keys import known_keys, login_options

SSH_CONFIG_FILE = "ssh_config"
_USER_FILES = (Path("~/.ssh/config"), Path("/etc/ssh/ssh_config"))
_SSH_PORT = 22

# paramiko logs a traceback for every host that hangs up; the reply already says it in one line.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class UnknownHostKeyError(SSHException):  # type: ignore[misc]
    """The host's key is in no known hosts file."""


_TOO_LONG = f"more than {OUTPUT_LIMIT_BYTES} bytes of output"
_NO_KEY = "No authentication methods available"
_MEANINGS: tuple[tuple[tuple[type[Exception], ...], State, str], ...] = (
    (
        (BadHostKeyException, UnknownHostKeyError),
        State.HOST_KEY,
        "never accepted unseen: compare with the key on the host's own console, then correct {files}",
    ),
    ((PasswordRequiredException,), State.LOGIN, "the key has a passphrase: load it with ssh-add"),
    ((AuthenticationException, PermissionError), State.LOGIN, "check User and IdentityFile in ssh_config"),
)


class _RefuseUnknown(RejectPolicy):  # type: ignore[misc]
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002 - paramiko's signature
        """Raise UnknownHostKeyError: a key is learnt by a person, never from the network."""
        raise UnknownHostKeyError(f"no key of {hostname} is known; it shows {key.get_name()} {key.fingerprint}")


@dataclass(frozen=True)
class SshSource:
    """A parsed ssh_config, and the file that a message about it names."""

    config: Any
    where: str

    def choices(self, node: str) -> SshChoices:
        """Return what the file says for a node. Raise InputError for an option that cannot work."""
        try:
            options = self.config.lookup(node)
        except (CouldNotCanonicalize, KeyError, ValueError) as error:
            raise InputError(f"cannot be applied to {node}: {error}", where=self.where) from error
        return ssh_choices(options, self.where)

    def connection(self, node: str, choices: SshChoices) -> Any:
        """Return a fabric connection, not yet opened. Raise InputError for a jump host that cannot work."""
        # lazy: fabric would otherwise read settings of its own from /etc, the home folder and the environment.
        settings = Config(lazy=True, ssh_config=self.config)
        gateway = False if choices.direct else None
        try:
            return Connection(node, config=settings, gateway=gateway, forward_agent=False, connect_timeout=1)
        except (KeyError, ValueError) as error:
            raise InputError(f"an option for {node} or its jump host is not understood: {error}", where=self.where) from error


def read_ssh_config(folder: Path, addresses: Mapping[str, str]) -> SshSource:
    """Return the ssh_config of an inventory folder, or the user's own when the folder has none.

    `addresses` (node -> address) stand in for a HostName that the file leaves out. Raise InputError with the line that
    cannot be read.
    """
    config, file = SSHConfig(), folder / SSH_CONFIG_FILE
    own = file.exists()
    for path in (file,) if own else (path.expanduser() for path in _USER_FILES):
        if own or path.is_file():
            parse_into(config, path, may_include=not own)
    # ssh takes the first value it finds, so blocks at the end are defaults.
    config.parse(StringIO("".join(f"Host {node}\n  HostName {address}\n" for node, address in addresses.items())))
    return SshSource(config, str(file if own else _USER_FILES[0]))


def _meaning(error: Exception) -> tuple[State, str]:
    """Return the state and the hint for what went wrong on the way to a host."""
    for kinds, state, hint in _MEANINGS:
        if isinstance(error, kinds):
            return state, hint
    if str(error) == _NO_KEY:
        return State.LOGIN, "no key to log in with: check IdentityFile in ssh_config, or load one with ssh-add"
    return State.DEAD, "check that the host runs and that its SSH port answers"


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds. `connect_seconds` None: what ssh_config says for the host, else 5."""

    command_seconds: float
    connect_seconds: float | None = None


class Host:
    """One host's connection: opened when first needed, kept for the next command, opened anew when it broke."""

    def __init__(self, node: str, source: SshSource, limits: Limits) -> None:
        self.node = node
        choices = source.choices(node)
        self.connect_seconds = limits.connect_seconds or choices.connect_seconds
        self.command_seconds = limits.command_seconds
        self._known_hosts = choices.known_hosts
        self._passed_over = choices.passed_over
        self._connection = source.connection(node, choices)
        self._talks: dict[str, Any] = {}
        self._make_strict(self._connection, choices)
        for jump in _jumps(self._connection):
            self._make_strict(jump, ssh_choices(jump.ssh_config, source.where))

    def _make_strict(self, connection: Any, choices: SshChoices) -> None:
        connection.forward_agent = False
        connection.connect_timeout = self.connect_seconds
        connection.connect_kwargs = login_options(choices, self.connect_seconds)
        connection.client.set_missing_host_key_policy(_RefuseUnknown())
        shown_as = connection.host if connection.port == _SSH_PORT else f"[{connection.host}]:{connection.port}"
        for file in choices.known_hosts:
            for kind, key in (known_keys(file).lookup(choices.host_key_alias or shown_as) or {}).items():
                connection.client.get_host_keys().add(shown_as, kind, key)

    def run(self, command: str) -> Reply:
        """Return the host's answer to a shell command. Never raises for what a host or the network does.

        A kept connection that turns out to be dead is opened anew and the command given once more: use a Host twice
        only for commands that change nothing.
        """
        return self._again_if_broken(lambda: self._attempt(lambda: self._execute(command)), self._connection.is_connected)

    def talk(self, command: str, line: str) -> Reply:
        """Return what a command answers to a line: a JSON object on one line. It goes on, and gets the next line the next time.

        As `run` otherwise: a command that ended meanwhile is begun anew and told once more.
        """
        return self._again_if_broken(lambda: self._attempt(lambda: self._tell(command, line)), command in self._talks)

    def _again_if_broken(self, attempt: Callable[[], Reply], kept: bool) -> Reply:
        started, reply = time.monotonic(), attempt()
        if kept and reply.state is State.DEAD:
            reply = attempt()
        return replace(reply, seconds=time.monotonic() - started)

    def _attempt(self, work: Callable[[], Reply]) -> Reply:
        try:
            with self._cut_after(self.connect_seconds):
                self._connection.open()
            return work()
        except Exception as error:  # paramiko passes on whatever a hostile server's bytes made its parsers raise
            self.close()
            return self._failed(error)

    def _execute(self, command: str) -> Reply:
        counter = OutputCounter()
        try:
            with self._cut_after(self.command_seconds):
                done = self._connection.run(
                    command, warn=True, in_stream=False, out_stream=counter, err_stream=counter, encoding="utf-8"
                )
        except TimeoutError as error:
            return self._late(error)
        except ThreadException as error:
            if not any(inner.type is OutputTooLongError for inner in error.exceptions):
                raise
            return Reply(self.node, State.TOO_LONG, error=_TOO_LONG)
        if done.exited < 0 and not self._connection.is_connected:
            raise SSHException("the connection broke while the command ran")
        return not_run(Reply(self.node, State.ANSWERED, done.exited, done.stdout, done.stderr))

    def _late(self, error: TimeoutError) -> Reply:
        self.close()
        return Reply(self.node, State.LATE, error=str(error), hint="see what the host is busy with, or give --timeout")

    def _tell(self, command: str, line: str) -> Reply:
        kept = talk = self._talks.pop(command, None)
        try:
            with self._cut_after(self.command_seconds):
                if not kept:
                    talk = self._connection.client.get_transport().open_session()
                    talk.exec_command(command)
                with suppress(OSError):  # it may have ended already, with a reason that can be read
                    talk.sendall(f"{line}\n".encode())
                said, ended = _until_answered(talk)
                if not ended:
                    self._talks[command] = talk
                    return Reply(self.node, State.ANSWERED, 0, said)
                code = talk.recv_exit_status()
                if kept or code < 0:
                    raise SSHException("it ended without an answer")
                reason = talk.makefile_stderr("rb").read(OUTPUT_LIMIT_BYTES).decode(errors="replace")
                return not_run(Reply(self.node, State.ANSWERED, code, said, reason))
        except TimeoutError as error:
            return self._late(error)
        except OutputTooLongError:
            talk.close()
            return Reply(self.node, State.TOO_LONG, error=_TOO_LONG)

    @contextmanager
    def _cut_after(self, seconds: float) -> Iterator[None]:
        """Cut the connection when the time is up: some waits of paramiko have no limit of their own."""
        expired = Event()

        def cut() -> None:
            expired.set()
            self.close()

        timer = Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if expired.is_set():
                raise TimeoutError(f"no answer within {seconds:g} s") from error
            raise
        finally:
            timer.cancel()
        if expired.is_set():
            raise TimeoutError(f"no answer within {seconds:g} s")

    def _failed(self, error: Exception) -> Reply:
        state, hint = _meaning(error)
        files = " ".join(map(str, self._known_hosts)) or "a known hosts file"
        if state is State.LOGIN and self._passed_over:
            hint += f"; not used by nodeops fleet: {', '.join(self._passed_over)}"
        return Reply(self.node, state, error=_said(error), hint=hint.format(files=files))

    def close(self) -> None:
        """Hang up, on the host and on the jump hosts before it."""
        self._talks.clear()
        for connection in (self._connection, *_jumps(self._connection)):
            connection.client.close()


def _until_answered(talk: Any) -> tuple[str, bool]:
    """Return what was said up to the end of a JSON object, and whether it ended before. Raise OutputTooLongError."""
    said, counter = bytearray(), OutputCounter()
    while part := talk.recv(1 << 16):
        counter.write(part)
        said += part
        if part.endswith(b"\n") and (found := json_text(said.decode(errors="replace"))):
            return found, False
    return said.decode(errors="replace"), True


def _said(error: Exception) -> str:
    if isinstance(error, BadHostKeyException):
        return f"it shows {error.key.get_name()} {error.key.fingerprint}, known is {error.expected_key.fingerprint}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(text, 300) or type(error).__name__


def _jumps(connection: Any) -> Iterator[Any]:
    while isinstance(connection.gateway, Connection):
        connection = connection.gateway
        yield connection
