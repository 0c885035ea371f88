"""`nodeops fleet` against real OpenSSH servers: one good, one slow, one lying, one silent, one with another host key."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.conftest import LabHosts

SERVER_START_SECONDS = 120.0
# The servers of one lab host, beside its own: each has a port, a host key and a way to answer.
PORTS = {"good": 2201, "slow": 2202, "garbage": 2203, "other-key": 2204}
ON_HOST = "/var/tmp/fleet"
# Plays nodeops on a host: ForceCommand hands it what the client asked for.
STAND_IN = """#!/usr/bin/python3
import os, sys, time
words = os.environ["SSH_ORIGINAL_COMMAND"].split()
assert words[:3] == ["sudo", "-n", "/usr/local/bin/nodeops"], words
mode = "{mode}"
if mode == "slow":
    time.sleep(3600)
if mode == "garbage":
    sys.stdout.buffer.write(b"\\x1b[2J\\xff" * 1000)
    sys.exit(0)
print('{{"node": "{mode}", "words": "' + " ".join(words[3:]) + '"}}')
"""


@dataclass(frozen=True)
class Site:
    """An inventory folder, what its ssh_config refers to, and the host that the servers run on."""

    folder: Path
    host: LabHosts

    @property
    def address(self) -> str:
        """Return the address of the host."""
        return self.host.ssh("t-1", "hostname -I").stdout.split()[0]

    @property
    def user_key(self) -> Path:
        return self.folder / "id_user"

    def fleet(self, *words: str, **environment: str) -> tuple[int, str]:
        """Run the command as a person would, and return its exit code and what it printed."""
        argv = [sys.executable, "-c", "from nodeops.cli import main; main()", "fleet", *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, cwd=self.folder, env={**os.environ, **environment}
        )
        return done.returncode, done.stdout


def keygen(path: Path, passphrase: str = "") -> str:
    """Make a key pair and return its public half: kind and base64."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def server_files(site: Site, mode: str) -> tuple[dict[str, bytes], str]:
    """Return the files of an OpenSSH server whose every command is the stand-in, and its public host key."""
    public = keygen(site.folder / f"host_{mode}")
    home = f"{ON_HOST}/{mode}"
    options = {
        "Port": PORTS[mode],
        "HostKey": f"{home}/host_key",
        "PidFile": "none",
        "AuthorizedKeysFile": f"{home}/authorized_keys",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "ForceCommand": f"{home}/stand_in",
    }
    texts = {
        "config": "".join(f"{name} {value}\n" for name, value in options.items()),
        "host_key": (site.folder / f"host_{mode}").read_text(),
        "authorized_keys": site.user_key.with_name("id_user.pub").read_text(),
        "stand_in": STAND_IN.format(mode=mode),
    }
    return {f"{mode}/{name}": text.encode() for name, text in texts.items()}, public


def send(site: Site, files: dict[str, bytes]) -> None:
    """Put files below ON_HOST, root-owned; keys for root only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600 if name.endswith("host_key") else 0o755
            archive.addfile(member, io.BytesIO(data))
    line = f"sudo rm -rf {ON_HOST} && sudo mkdir -p {ON_HOST} && sudo tar -xC {ON_HOST} && sudo chmod 755 {ON_HOST} {ON_HOST}/*"
    words = ["ssh", "-F", str(site.host.inventory / "ssh_config"), "t-1", line]
    subprocess.run(words, input=buffer.getvalue(), check=True)


@contextmanager
def servers(site: Site) -> Iterator[dict[str, str]]:
    """Run all servers as units of the host, and yield their public host keys."""
    files: dict[str, bytes] = {}
    keys: dict[str, str] = {}
    for mode in PORTS:
        mine, keys[mode] = server_files(site, mode)
        files |= mine
    send(site, files)
    units = " ".join(f"fleet-{mode}" for mode in PORTS)
    run = "sudo systemd-run --quiet --collect --unit=fleet-{0} /usr/sbin/sshd -D -e -f {1}/{0}/config"
    try:
        started = site.host.ssh("t-1", " && ".join(run.format(mode, ON_HOST) for mode in PORTS))
        assert started.returncode == 0, started.stderr
        for port in PORTS.values():
            wait_for(site.address, port)
        yield keys
    finally:
        site.host.ssh("t-1", f"sudo systemctl stop {units}")


def wait_for(address: str, port: int) -> None:
    until = time.monotonic() + SERVER_START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection((address, port), 1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("sshd does not listen")


@pytest.fixture(scope="module")
def host(lab_of: Callable[..., LabHosts]) -> LabHosts:
    return lab_of("fleet", "172.30.74", ("debian12",))


@pytest.fixture
def site(tmp_path: Path, host: LabHosts) -> Iterator[Site]:
    with five_nodes(tmp_path, host) as made:
        yield made


# What is asked of them as they are. All at once: each waits until the slow ones are given up.
ASKED = {
    "answers": ("run", "--json", "--", "status", "--json"),
    "text": ("run", "--", "status"),
    "status": ("status", "--json"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, host: LabHosts) -> dict[str, tuple[int, str]]:
    """Return how each of ASKED ended, and what it printed."""
    with five_nodes(tmp_path_factory.mktemp("said"), host) as made, ThreadPoolExecutor(len(ASKED)) as pool:
        bounds = ("--connect-timeout", "10", "--timeout", "20")
        return dict(zip(ASKED, pool.map(lambda words: made.fleet(words[0], *bounds, *words[1:]), ASKED.values()), strict=True))


@contextmanager
def five_nodes(folder: Path, host: LabHosts) -> Iterator[Site]:
    """Give five nodes: good, slow, garbage, other-key (known under another key), silent (accepts and never speaks)."""
    made = Site(folder, host)
    keygen(made.user_key)
    with servers(made) as keys, socket.create_server(("127.0.0.1", 0)) as silent:
        places = {mode: (made.address, port) for mode, port in PORTS.items()} | {"silent": silent.getsockname()}
        keys["other-key"] = keys["good"]
        write_inventory(made, places, keys)
        yield made


def write_inventory(site: Site, places: dict[str, tuple[str, int]], keys: dict[str, str]) -> None:
    nodes = {
        name: {"organisation": "one", "duty": "validator", "power": 1, "address": f"192.0.2.{number}"}
        for number, name in enumerate(places, 1)
    }
    consortium = {
        "consortium": "test",
        "revision": 1,
        "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "test-1"},
        "organisations": {"one": {}},
        "nodes": nodes,
    }
    (site.folder / "consortium.yml").write_text(json.dumps(consortium))
    (site.folder / "group_vars").mkdir()
    (site.folder / "group_vars" / "all.yml").write_text("nodeops_manages: [one]\n")
    known = site.folder / "known_hosts"
    known.write_text("".join(f"[{places[name][0]}]:{places[name][1]} {key}\n" for name, key in keys.items()))
    hosts = "".join(f"Host {name}\n  HostName {place}\n  Port {port}\n" for name, (place, port) in places.items())
    common = f"  User ops\n  IdentityFile {site.user_key}\n  IdentitiesOnly yes\n"
    (site.folder / "ssh_config").write_text(f"{hosts}Host *\n{common}  UserKnownHostsFile {known}\n")


def test_every_host_is_told_apart_and_none_holds_up_another(said: dict[str, tuple[int, str]]) -> None:
    code, out = said["answers"]
    answers = json.loads(out)
    assert {name: answer["state"] for name, answer in answers.items()} == {
        "good": "answered",
        "slow": "no answer in time",
        "garbage": "answered",
        "other-key": "host key does not match",
        "silent": "dead",
    }
    assert answers["good"]["answer"] == {"node": "good", "words": "status --json"}
    assert "answer" not in answers["garbage"]
    # One after another they would have taken 30 s before the good one; what counts is the order, not the clock.
    assert answers["good"]["seconds"] < answers["silent"]["seconds"]
    assert answers["good"]["seconds"] < answers["slow"]["seconds"]
    assert code == 5


def test_the_good_host_is_printed_before_the_slow_ones_are_given_up(said: dict[str, tuple[int, str]]) -> None:
    _, out = said["text"]
    heads = [line.split()[1] for line in out.splitlines() if line.startswith("── ")]
    assert set(heads[:3]) == {"good", "garbage", "other-key"}
    assert heads[3:] == ["silent", "slow"]
    assert "\x1b" not in out


def test_status_of_hosts_that_lie_is_a_table(said: dict[str, tuple[int, str]]) -> None:
    code, out = said["status"]
    states = {name: node["state"] for name, node in json.loads(out)["nodes"].items()}
    assert states["garbage"] == states["good"] == "no valid status"
    assert (states["silent"], states["other-key"]) == ("dead", "host key does not match")
    assert code == 1


def test_a_jump_host_leads_to_a_host(site: Site) -> None:
    config = site.folder / "ssh_config"
    config.write_text(config.read_text().replace("Host good\n", "Host good\n  ProxyJump garbage\n"))
    code, out = site.fleet("run", "--node", "good", "--connect-timeout", "60", "--json", "--", "status", "--json")
    assert (code, json.loads(out)["good"]["state"]) == (0, "answered")


def test_a_key_with_a_passphrase_comes_from_the_agent(site: Site, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", site.user_key], check=True)
    words = ("run", "--node", "good", "--connect-timeout", "60", "--json", "--", "status", "--json")
    code, out = site.fleet(*words, SSH_AUTH_SOCK="")
    assert (code, json.loads(out)["good"]["state"]) == (3, "login refused")
    assert "ssh-add" in json.loads(out)["good"]["hint"]
    with agent(tmp_path) as sock:
        asking = {**os.environ, "SSH_AUTH_SOCK": sock, "SSH_ASKPASS": str(askpass(tmp_path)), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", site.user_key], check=True, env=asking, stdin=subprocess.DEVNULL)
        assert site.fleet(*words, SSH_AUTH_SOCK=sock)[0] == 0


def askpass(folder: Path) -> Path:
    script = folder / "askpass"
    script.write_text("#!/bin/sh\necho secret\n")
    script.chmod(0o700)
    return script


@contextmanager
def agent(folder: Path) -> Iterator[str]:
    sock = folder / "agent.sock"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", str(sock)], stdout=subprocess.DEVNULL)
    try:
        while not sock.exists() and running.poll() is None:
            time.sleep(0.02)
        yield str(sock)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()
