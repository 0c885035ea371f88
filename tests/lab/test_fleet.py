"""`nodeops fleet` against real OpenSSH servers: one good, one slow, one lying, one silent, one with another host key."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVER_START_SECONDS = 30.0
# Plays nodeops on a host: ForceCommand hands it what the client asked for.
STAND_IN = """#!{python}
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

pytestmark = [pytest.mark.lab, pytest.mark.skipif(SSHD is None, reason="needs sshd: apt-get install openssh-server")]


@dataclass(frozen=True)
class Site:
    """An inventory folder and what its ssh_config refers to."""

    folder: Path

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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def sshd(site: Site, mode: str) -> Iterator[tuple[int, str]]:
    """Run an OpenSSH server whose every command is the stand-in, and yield its port and host key."""
    home = site.folder / mode
    home.mkdir()
    host_key = keygen(home / "host_key")
    stand_in = home / "stand_in"
    stand_in.write_text(STAND_IN.format(python=sys.executable, mode=mode))
    stand_in.chmod(0o755)
    port = free_port()
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": home / "host_key",
        "PidFile": home / "pid",
        "AuthorizedKeysFile": site.folder / "id_user.pub",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "prohibit-password",
        "PasswordAuthentication": "no",
        "ForceCommand": stand_in,
    }
    (home / "config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    with (home / "log").open("w") as log:
        server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(home / "config")], stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(port, server, home / "log")
        yield port, host_key
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SERVER_START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(f"sshd did not start: {log.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("sshd does not listen")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Five nodes: good, slow, garbage, other-key (known under another key), silent (accepts and never speaks)."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # what the package's unit makes, and sshd refuses to start without
    made = Site(tmp_path)
    keygen(made.user_key)
    with ExitStack() as stack:
        ports, keys = {}, {}
        for mode in ("good", "slow", "garbage", "other-key"):
            ports[mode], keys[mode] = stack.enter_context(sshd(made, mode))
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ports["silent"] = silent.getsockname()[1]
        keys["other-key"] = keys["good"]
        write_inventory(made, ports, keys)
        yield made


def write_inventory(site: Site, ports: dict[str, int], keys: dict[str, str]) -> None:
    nodes = {
        name: {"organisation": "one", "duty": "validator", "power": 1, "address": f"192.0.2.{number}"}
        for number, name in enumerate(ports, 1)
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
    known.write_text("".join(f"[127.0.0.1]:{ports[name]} {key}\n" for name, key in keys.items()))
    hosts = "".join(f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n" for name, port in ports.items())
    common = f"  User {pwd.getpwuid(os.geteuid()).pw_name}\n  IdentityFile {site.user_key}\n  IdentitiesOnly yes\n"
    (site.folder / "ssh_config").write_text(f"{hosts}Host *\n{common}  UserKnownHostsFile {known}\n")


def test_every_host_is_told_apart_and_none_holds_up_another(site: Site) -> None:
    code, out = site.fleet("run", "--connect-timeout", "10", "--timeout", "20", "--json", "--", "status", "--json")
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


def test_the_good_host_is_printed_before_the_slow_ones_are_given_up(site: Site) -> None:
    _, out = site.fleet("run", "--connect-timeout", "10", "--timeout", "20", "--", "status")
    heads = [line.split()[1] for line in out.splitlines() if line.startswith("── ")]
    assert set(heads[:3]) == {"good", "garbage", "other-key"}
    assert heads[3:] == ["silent", "slow"]
    assert "\x1b" not in out


def test_status_of_hosts_that_lie_is_a_table(site: Site) -> None:
    code, out = site.fleet("status", "--connect-timeout", "10", "--timeout", "20", "--json")
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
