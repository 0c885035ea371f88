"""A log host: a container beside the hosts of the scenario with the receiver that docs/hardening.md describes."""

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import remote
from engine import container, docker
from hosts import LAB, REFRESH

from nodeops.exporter.certificates import key_text, new_key, self_signed

NAME, CONTAINER = "logs", f"{LAB}-log-host"
ADDRESS = str(ip_address(remote.ADDRESS[remote.NODES[0]]) + 80)
QUEUE_BYTES = 2 << 20
DOCUMENT, QUEUE = "/run/log-host.json", "/var/spool/rsyslog/nodeops-log-host.*"
_GET = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install rsyslog rsyslog-gnutls"
_PAGE = (remote.ROOT / "docs/hardening.md").read_text(encoding="utf-8")


class LogHost:
    """The receiver, and what it got."""

    def __init__(self) -> None:
        self.own, self.another = (_certified() for _ in range(2))

    def __enter__(self) -> "LogHost":
        """Make the container and start the receiver in it."""
        found = json.loads(docker("inspect", container(remote.NODES[0])))[0]
        (network,) = found["NetworkSettings"]["Networks"]
        place = ["--network", network, "--ip", ADDRESS, "--entrypoint", "sleep", found["Config"]["Image"], "infinity"]
        docker(
            "run",
            "--detach",
            "--rm",
            "--init",
            "--cpu-shares",
            str(found["HostConfig"]["CpuShares"]),
            "--name",
            CONTAINER,
            *place,
        )
        self._sh(f"{REFRESH} && {_GET} >/dev/null && rm -f /etc/rsyslog.conf && mkdir /etc/log-host")
        (receiver,) = re.findall(r"```rsyslog\n(.*?)```", _PAGE, re.DOTALL)
        self._put("/etc/rsyslog.conf", receiver)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the container."""
        docker("rm", "--force", CONTAINER)

    def start(self, lets_in: Iterable[str] = remote.NODES, *, impostor: bool = False) -> None:
        """Start the receiver for some hosts; as `impostor` with a certificate that says its name, and that nobody vouches for."""
        key, certificate = self.another if impostor else self.own
        folder = remote.SCENARIO / "certificates"
        self._put("/etc/log-host/nodes.pem", "".join((folder / f"{node}.pem").read_text(encoding="ascii") for node in lets_in))
        self._put("/etc/log-host/certificate.pem", certificate)
        self._put("/etc/log-host/key.pem", key)
        self._sh("rsyslogd")

    def stop(self) -> None:
        """Stop the receiver; what it got stays."""
        self._sh("kill $(cat /run/rsyslogd.pid) && while test -e /run/rsyslogd.pid; do sleep 0.1; done")

    def got(self, node: str) -> str:
        """Return all lines that a host has sent."""
        return self._sh(f"cat /var/log/nodes/{remote.ADDRESS[node]}.log 2>/dev/null || true")

    def missing(self, lines: Iterable[str], seconds: float = 300) -> list[str]:
        """Return the lines that do not arrive from each host in time."""
        wanted, until = [(node, line) for line in lines for node in remote.NODES], time.monotonic() + seconds
        while wanted and time.monotonic() < until:
            said = {node: self.got(node) for node in remote.NODES}
            wanted = [(node, line) for node, line in wanted if line not in said[node]]
            time.sleep(0.3 if wanted else 0)
        return [f"{node}: {line}" for node, line in wanted]

    def apply(self, node: str) -> Any:
        """Let a host, whose document names this log host, send its logs there."""
        document = json.loads(remote.must(node, "cat /etc/nodeops/node.json"))
        choice = {"address": ADDRESS, "name": NAME, "authority": self.own[1], "queue_bytes": QUEUE_BYTES}
        document["limits"]["hardening"]["log_host"] = choice
        remote.must(node, f"cat >{DOCUMENT}", given=json.dumps(document).encode())
        return remote.apply(node, "apply", "--document", DOCUMENT)

    def _put(self, path: str, text: str) -> None:
        file = remote.BUILD / "log-host" / Path(path).name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")
        docker("cp", str(file), f"{CONTAINER}:{path}")

    def _sh(self, line: str) -> str:
        return docker("exec", CONTAINER, "sh", "-c", line)


def _certified() -> tuple[str, str]:
    """Return a new key and a certificate for the name of the log host."""
    key = new_key()
    return key_text(key).decode(), self_signed(NAME, ADDRESS, key, datetime.now(UTC)).decode()
