"""SSH to one host, strictly: only what ssh_config says, only host keys that are known. The one place that imports fabric."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO
from pathlib import Path
from threading import Event, Timer
from typing import Any

from fabric import Config, Connection
from invoke.exceptions import ThreadException
from paramiko import (
    AuthenticationException,
    BadHostKeyException,
    HostKeys,
    PasswordRequiredException,
    RejectPolicy,
    SSHConfig,
    SSHException,
)
from paramiko.hostkeys import InvalidHostKey
from paramiko.ssh_exception import ConfigParseError, CouldNotCanonicalize

from nodeops.core.errors import InputError
from nodeops.fleet.reply import OUTPUT_LIMIT_BYTES, OutputCounter, OutputTooLongError, Reply, State, not_run, one_line
from nodeops.fleet.ssh_choices import SshChoices, ssh_choices
from nodeops.fleet.ssh_keys import login_options

SSH_CONFIG_FILE = "ssh_config"
_USER_FILES = (Path("~/.ssh/config"), Path("/etc/ssh/ssh_config"))
_SSH_PORT = 22

# paramiko logs a traceback for every host that hangs up; the reply already says it in one line.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class UnknownHostKeyError(SSHException):  # type: ignore[misc]
    """The host's key is in no known hosts file."""


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
            _parse_into(config, path, may_include=not own)
    # ssh takes the first value it finds, so blocks at the end are defaults.
    config.parse(StringIO("".join(f"Host {node}\n  HostName {address}\n" for node, address in addresses.items())))
    return SshSource(config, str(file if own else _USER_FILES[0]))


def _parse_into(config: Any, path: Path, may_include: bool) -> None:
    """Add a file to a configuration. Includes are not followed: Debian's own file has one, an inventory must do without."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    for number, line in enumerate(text.splitlines(), 1):
        try:
            SSHConfig.from_text(line)
        except (ConfigParseError, ValueError, IndexError) as error:
            hint = "write 'Keyword value', as in ssh_config(5)"
            raise InputError(one_line(str(error), 120), where=f"{path}:{number}", hint=hint) from error
        if not may_include and line.strip().lower().startswith("include"):
            hint = "write the included lines into this file"
            raise InputError("Include is not followed here", where=f"{path}:{number}", hint=hint)
    config.parse(StringIO(text))


@cache
def _known_keys(file: Path) -> Any:
    try:
        return HostKeys(str(file)) if file.exists() else HostKeys()
    except (OSError, ValueError, InvalidHostKey) as error:
        raise InputError(f"is not a known hosts file: {one_line(str(error), 120)}", where=str(file)) from error


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
            for kind, key in (_known_keys(file).lookup(choices.host_key_alias or shown_as) or {}).items():
                connection.client.get_host_keys().add(shown_as, kind, key)

    def run(self, command: str) -> Reply:
        """Return the host's answer to a shell command. Never raises for what a host or the network does.

        A kept connection that turns out to be dead is opened anew and the command given once more: use a Host twice
        only for commands that change nothing.
        """
        started = time.monotonic()
        kept = self._connection.is_connected
        reply = self._attempt(command)
        if kept and reply.state is State.DEAD:
            reply = self._attempt(command)
        return replace(reply, seconds=time.monotonic() - started)

    def _attempt(self, command: str) -> Reply:
        try:
            with self._cut_after(self.connect_seconds):
                self._connection.open()
            return self._execute(command)
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
            self.close()
            return Reply(self.node, State.LATE, error=str(error), hint="see what the host is busy with, or give --timeout")
        except ThreadException as error:
            if not any(inner.type is OutputTooLongError for inner in error.exceptions):
                raise
            return Reply(self.node, State.TOO_LONG, error=f"more than {OUTPUT_LIMIT_BYTES} bytes of output")
        if done.exited < 0 and not self._connection.is_connected:
            raise SSHException("the connection broke while the command ran")
        return not_run(Reply(self.node, State.ANSWERED, done.exited, done.stdout, done.stderr))

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
        for connection in (self._connection, *_jumps(self._connection)):
            connection.client.close()


def _said(error: Exception) -> str:
    if isinstance(error, BadHostKeyException):
        return f"it shows {error.key.get_name()} {error.key.fingerprint}, known is {error.expected_key.fingerprint}"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(text, 300) or type(error).__name__


def _jumps(connection: Any) -> Iterator[Any]:
    while isinstance(connection.gateway, Connection):
        connection = connection.gateway
        yield connection
