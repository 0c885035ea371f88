"""Three organisations found a chain, each from its own controller, from nothing: docs/consortium.md tells what is done here.

The tests are one story, in this order; that of test_consortium.py goes on with the chain.
"""

import hashlib
import json
import re
import subprocess
import time

import hosts
from members import Controller, each

PATIENCE_SECONDS = 300
KEYS = "/var/lib/ledger/keys"
# Each has a scenario of its own, or needs none here.
LEFT_OUT = "hardening,exporter,mesh,backup,patch"
Members = dict[str, Controller]
Done = subprocess.CompletedProcess[str]


def flat(done: Done) -> str:
    return " ".join(done.stdout.split())


def digest_said(done: Done) -> str:
    found = re.findall(r"genesis\.json has SHA-256 ([0-9a-f]{64})", flat(done))
    assert found, done.stdout[-3000:]
    return str(found[-1])


def secrets_of(node: str) -> list[str]:
    """Return the secret part of each key of a host."""
    files = ("node_key.json", "priv_validator_key.json")
    found = [json.loads(hosts.must(node, f"cat {KEYS}/{file}"))["priv_key"]["value"] for file in files]
    return [*found, hosts.must(node, f"cat {KEYS}/record_key.pem").splitlines()[1]]


def fingerprint(words: str) -> str:
    return subprocess.run(["ssh-keygen", "-lf", words], capture_output=True, text=True, check=True, timeout=30).stdout.split()[1]


def test_each_makes_its_own_keys_and_publishes_their_public_halves(controllers: Members) -> None:
    for name, done in each(controllers.values(), lambda one: one.plays("site.yml", "--tags", "ledger")).items():
        assert done.returncode != 0
        own = controllers[name].nodes
        for node in hosts.NODES:
            assert (f"identities/{node}.yml: " in flat(done)) is (node not in own), done.stdout[-3000:]
        assert {file.stem for file in (controllers[name].folder / "identities").iterdir()} == set(own)
    held = [file.read_text(errors="replace") for one in controllers.values() for file in one.folder.rglob("*") if file.is_file()]
    for node in hosts.NODES:
        assert hosts.run(node, "systemctl is-active ledger.service || test -e /var/lib/ledger/config/genesis.json").code != 0
        assert not [secret for secret in secrets_of(node) for text in held if secret in text]


def test_each_would_make_the_same_genesis(controllers: Members) -> None:
    members = list(controllers.values())
    for one in members:
        one.publishes_to(*(other for other in members if other is not one))
    said = each(controllers.values(), lambda one: one.plays("site.yml", "--check", "--tags", "ledger"))
    (digest,) = {digest_said(done) for done in said.values()}
    for one in members:
        assert not (one.folder / "genesis.json").exists()
        # Compared by telephone: from here on no other will do.
        one.chooses(nodeops_genesis=digest)


def test_each_makes_its_hosts_and_the_chain_runs(controllers: Members) -> None:
    for done in each(controllers.values(), lambda one: one.plays("site.yml", "--skip-tags", LEFT_OUT)).values():
        assert done.returncode == 0, done.stdout[-5000:]
    texts = {one.folder / "genesis.json" for one in controllers.values()}
    (found,) = {hashlib.sha256(file.read_bytes()).hexdigest() for file in texts}
    first = ("ledger", "wait", "--height", "3", "--timeout", str(PATIENCE_SECONDS))
    hosts.at_once(lambda node: hosts.verb(node, *first), hosts.NODES)
    assert {one.says("status")["revision"] for one in controllers.values()} == {1}
    assert {hosts.must(node, "sha256sum < /var/lib/ledger/config/genesis.json").split()[0] for node in hosts.NODES} == {found}
    until = time.monotonic() + PATIENCE_SECONDS
    while sum(one["live"] for one in hosts.verb("gamma-1", "ledger", "validators", codes=(0, 1))["validators"]) < 4:
        assert time.monotonic() < until, "not all four vote"
        time.sleep(1)


def test_nobody_was_at_a_host_of_another(controllers: Members) -> None:
    eye = fingerprint(str(hosts.SCENARIO / ".lab" / "id_ed25519.pub"))
    for one in controllers.values():
        own = fingerprint(str(one.ssh_key))
        for node in one.nodes:
            logins = hosts.must(node, "journalctl -q --no-pager -o cat | grep 'Accepted publickey'")
            assert set(re.findall(r"SHA256:\S+", logins)) == {eye, own}, node
        strangers = [node for node in hosts.NODES if node not in one.nodes]
        config = str(one.folder / "ssh_config")
        answers = [
            subprocess.run(
                [
                    "ssh",
                    "-F",
                    config,
                    "-o",
                    "StrictHostKeyChecking=no",
                    "-i",
                    str(one.ssh_key),
                    f"ops@{hosts.ADDRESS[node]}",
                    "true",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            for node in strangers
        ]
        assert all("Permission denied" in answer.stderr for answer in answers), [answer.stderr for answer in answers]
