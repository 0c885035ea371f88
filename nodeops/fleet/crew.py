"""All hosts at once: hand each the same command, take the answers as they come, and never wait for one on account of another."""

import math
import time
from collections.abc import Iterator, Sequence
from multiprocessing import TimeoutError as NothingCame
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import Protocol

from nodeops.fleet.reply import Reply, State

# A connection costs about 10 ms of a core and 70 ms of waiting, so many fit side by side; each also holds its output.
MAX_PARALLEL = 32
# Above the limits that each host keeps by itself, for what no SSH limit covers: a name server or a key agent that hangs.
_SPARE_SECONDS = 5.0


class Asked(Protocol):
    """A host that can be given a command: `ssh.Host`, or what stands for it in a test."""

    node: str
    connect_seconds: float
    command_seconds: float

    def run(self, command: str) -> Reply:
        """Return the host's answer to a shell command. Never raises for what the host does."""

    def close(self) -> None:
        """Hang up."""


class Crew:
    """Hosts with a thread for each, at most 32. The threads are daemons: a host that hangs cannot hold up the program's end."""

    def __init__(self, hosts: Sequence[Asked]) -> None:
        self.hosts = hosts
        self._pool = ThreadPool(min(MAX_PARALLEL, max(1, len(hosts))))
        self._pending: dict[str, AsyncResult[Reply]] = {}

    def replies(self, command: str) -> Iterator[Reply]:
        """Yield each host's answer as soon as it is there. A host that breaks every limit comes last, as dead."""
        waited = {host.node for host in self.hosts}
        until = time.monotonic() + self.patience
        coming = self._pool.imap_unordered(lambda host: host.run(command), self.hosts)
        while waited:
            try:
                reply = coming.next(timeout=max(0.0, until - time.monotonic()))
            except NothingCame:
                break
            waited.discard(reply.node)
            yield reply
        for node in sorted(waited):
            yield Reply(node, State.DEAD, error="nothing came back at all", hint="check this machine's name server and SSH agent")

    @property
    def patience(self) -> float:
        """Seconds after which every host has surely answered or run into its own limits."""
        longest = max((host.connect_seconds + host.command_seconds for host in self.hosts), default=0.0)
        return math.ceil(len(self.hosts) / MAX_PARALLEL) * longest + _SPARE_SECONDS

    def start(self, command: str) -> None:
        """Give the command to every host that is not still busy with the last one."""
        for host in self.hosts:
            if host.node not in self._pending:
                self._pending[host.node] = self._pool.apply_async(host.run, (command,))

    def finished(self) -> dict[str, Reply]:
        """Return, by node, the answers that came since the last call. Does not wait."""
        done = {node: pending for node, pending in self._pending.items() if pending.ready()}
        for node in done:
            del self._pending[node]
        return {node: pending.get() for node, pending in done.items()}

    @property
    def busy(self) -> bool:
        """Whether any host still has a command."""
        return bool(self._pending)

    def close(self) -> None:
        """Hang up on every host."""
        for host in self.hosts:
            host.close()
        self._pool.terminate()
