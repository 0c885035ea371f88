"""The unit that ships, in its sandbox, to a real server on the controller: nothing goes before its checksum came back."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hosts
import pytest
import yaml
from conftest import flood

from tests.ports import free_ports

NODE = "alpha-1"
# The first address of the scenario's network is this machine.
HERE = "172.30.40.1"
CHOICES = yaml.safe_load((hosts.SCENARIO / "group_vars/all.yml").read_text(encoding="utf-8"))["nodeops_choices"]
SEALED = "/var/log/ledger/sealed"


@dataclass
class Server:
    """A server that keeps what it is sent in a folder; it can be away."""

    folder: Path
    port: int
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Serve, and wait until it answers."""
        words = ["rclone", "serve", "webdav", str(self.folder), f"--addr={HERE}:{self.port}", "--user=a", "--pass=b", "--config="]
        self.running = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not answers(self.port):
            assert time.monotonic() < until, "rclone serve does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        """Be away."""
        if self.running:
            self.running.kill()
            self.running.wait()


def answers(port: int) -> bool:
    """Tell whether somebody listens."""
    try:
        socket.create_connection((HERE, port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, and a host that ships to it; both are gone afterwards."""
    (port,) = free_ports(1, HERE)
    made = Server(tmp_path_factory.mktemp("remote"), port)
    made.start()
    word = subprocess.run(["rclone", "obscure", "b"], check=True, capture_output=True, text=True).stdout.strip()
    text = f"[far]\ntype = webdav\nurl = http://{HERE}:{made.port}\nvendor = other\nuser = a\npass = {word}\n"
    hosts.must(NODE, "umask 077; cat >/etc/nodeops/rclone.conf", given=text.encode())
    try:
        converge({"ship": {"remote": "far:logs", "required": True}})
        yield made
    finally:
        made.stop()
        converge({})
        hosts.must(NODE, "rm /etc/nodeops/rclone.conf")


def converge(more: dict[str, object]) -> None:
    """Run the playbook on one host with more choices for its disk."""
    choices = {**CHOICES, "disk": {**CHOICES["disk"], **more}}
    done = hosts.play("disk.yml", "--limit", NODE, "--extra-vars", json.dumps({"nodeops_choices": choices}))
    assert done.returncode == 0, done.stdout[-6000:]


def ship() -> None:
    """Let the unit ship. The first call may join a run that its timer has begun before all was sealed; the second does not."""
    hosts.must(NODE, "systemctl start nodeops-ship.service; systemctl start nodeops-ship.service")


def segments() -> set[str]:
    return {name for name in hosts.must(NODE, f"ls {SEALED}").split() if name.startswith("ledger")}


def test_the_unit_ships_what_is_sealed_byte_by_byte(server: Server) -> None:
    hosts.verb(NODE, "disk", "seal")
    ship()
    for name in segments():
        digest = hosts.must(NODE, f"sha256sum < {SEALED}/{name}").split()[0]
        there = subprocess.run(["sha256sum", server.folder / "logs" / name], check=True, capture_output=True, text=True)
        assert there.stdout.split()[0] == digest
    assert hosts.verb(NODE, "disk", "ship", "--dry-run")["waiting"] == 0
    secret = hosts.must(NODE, "sed -n 's/^pass = //p' /etc/nodeops/rclone.conf").strip()
    assert secret and secret not in hosts.must(NODE, "journalctl --no-pager")


def test_nothing_goes_that_the_server_does_not_hold(server: Server) -> None:
    server.stop()
    # More than `keep_bytes`, which stay in any case.
    flood(NODE, 40e6, 10)
    hosts.verb(NODE, "disk", "seal")
    hosts.run(NODE, "systemctl start nodeops-ship.service")
    waiting = {one["what"].split()[1] for one in hosts.verb(NODE, "disk", "ship", "--dry-run")["changes"]}
    hosts.verb(NODE, "disk", "purge", "1000")
    assert segments() == waiting, "what the server holds went, and nothing else"
    server.start()
    ship()
    assert hosts.verb(NODE, "disk", "ship", "--dry-run")["waiting"] == 0
    hosts.verb(NODE, "disk", "purge", "1000")
    assert waiting - segments(), "now the oldest of them may go"
    hosts.verb(NODE, "disk", "verify")


@pytest.mark.usefixtures("server")
def test_the_unit_is_closed() -> None:
    said = hosts.must(NODE, "systemd-analyze security --no-pager nodeops-ship.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= 2.5
    assert hosts.must(NODE, "systemctl is-active nodeops-ship.timer").strip() == "active"
