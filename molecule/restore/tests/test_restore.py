"""A validator loses its host while everything is tried that could make its key sign twice; it comes back, and nothing was."""

import json
import random
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine
import hosts
import leaks
import leaks_here
import pytest
from tier import FULL

LOST, OTHER, THIRD = "alpha-1", "beta-1", "gamma-1"
# Where the old node is tried: peers take one connection from an address, so its own ledger is stopped while it is in reach.
ELSEWHERE = "alpha-2"
HOME, QUARANTINE = "/var/lib/ledger", "/var/lib/ledger/.restore"
STATE, KEYS = f"{HOME}/data/priv_validator_state.json", f"{HOME}/keys"
ZERO = '{"height": "0", "round": 0, "step": 0}'
WORDS = "its container was removed by this test"
ENVIRONMENT = "RESTIC_REPOSITORY=/srv/repository\nRESTIC_PASSWORD=only-for-this-test\n"
RESTIC = f"command -v restic >/dev/null || {{ {hosts.REFRESH} && apt-get install -y -qq --no-install-recommends restic; }}"
# A copy of the node outside its unit: the old holder of the key, wherever it may be.
OLD = """
set -e
cp /opt/ledger/current/ledgerd /srv/old/node
sed -i -e 's#/run/credentials/ledger.service#/srv/old/keys#; s#/var/lib/ledger#/srv/old#' \
  -e '/^laddr/s/:26656/:36656/; /^laddr/s/:26657/:36657/; s/^prometheus = true/prometheus = false/' /srv/old/config/config.toml
"""
RUN_OLD = "systemd-run --quiet --unit old-node {} /srv/old/node node --home /srv/old"


@dataclass(frozen=True)
class Kept:
    """What is outside the host that will be lost: an archive for its custodian, their key, the repository, the old node; all that
    Ansible said, and every argument of a process, while it came back."""

    archive: Path
    identity: Path
    repository: bytes
    node: bytes
    address: str
    heard: list[bytes] = field(default_factory=list)


def bytes_of(node: str, line: str) -> bytes:
    done = hosts.ssh(node, f"sudo sh -c {shlex.quote(line)}")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("custodian")
    identity, archive = folder / "id_ed25519", folder / f"{LOST}.age"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", identity], check=True)
    encrypt = ["age", "--encrypt", "--recipients-file", f"{identity}.pub", "--output", archive]
    prepare_backup()
    # What `nodeops backup keys` puts into an archive.
    keys = " ".join(f"{KEYS[1:]}/{name}" for name in ("node_key.json", "priv_validator_key.json", "record_key.pem"))
    files = f"{keys} etc/nodeops/backup.env"
    subprocess.run(encrypt, input=bytes_of(LOST, f"tar c -C / {files}"), check=True)
    hosts.must(LOST, "nodeops backup init; nodeops backup run")
    address = hosts.verb(LOST, "ledger", "identity")["validator_address"]
    # A little later, so that the state in the backup is an older one.
    hosts.verb(LOST, "ledger", "wait", "--blocks", "3", "--timeout", "300")
    hosts.must(LOST, "systemctl stop ledger")
    repository, node = bytes_of(LOST, "tar c -C /srv repository"), bytes_of(LOST, f"tar c -C {HOME} config data keys")
    return Kept(archive, identity, repository, node, address)


def prepare_backup() -> None:
    hosts.must(LOST, hosts.unlocked(RESTIC))
    hosts.must(LOST, "install -m 600 /dev/stdin /etc/nodeops/backup.env", given=ENVIRONMENT.encode())


def restore(*words: str, code: int) -> Any:
    answer = hosts.verb(LOST, "backup", "restore", *words, codes=(code,), seconds=600)
    return answer if code == 0 else answer["error"]


def height(node: str) -> int:
    # Unlike status, it asks again where a busy node does not answer at once.
    return int(hosts.verb(node, "ledger", "wait", "--height", "1", "--timeout", "300")["height"])


def play(*options: str) -> str:
    """Return what the playbook of a restore says, on one line; it must not succeed."""
    done = hosts.play("restore.yml", "--limit", LOST, "--skip-tags", "hardening,disk", *options)
    assert done.returncode != 0, done.stdout
    return " ".join(done.stdout.split())


def received(kept: Kept) -> str:
    """Stream the keys as a custodian does, and return what is said."""
    opened = subprocess.run(["age", "--decrypt", "--identity", kept.identity, kept.archive], capture_output=True, check=True)
    return hosts.must(LOST, "nodeops backup receive-keys --json", given=opened.stdout)


def test_a_validator_that_runs_is_not_restored() -> None:
    assert "in use on this host" in restore("--snapshot", "none", "--because", WORDS, code=4)["what"]
    assert hosts.verb(LOST, "ledger", "status")["voting_power"] == 1


def test_a_fresh_host_of_a_known_node_is_given_no_new_keys(kept: Kept) -> None:
    identity = hosts.SCENARIO / "identities" / f"{LOST}.yml"
    published = identity.read_text(encoding="utf-8")
    engine.docker("rm", "--force", engine.container(LOST))
    # A lab forgets the identity of a host that is gone; an organisation keeps it.
    hosts.controller("lab", "up", "--json")
    identity.write_text(published, encoding="utf-8")
    said = play()
    assert "this node's keys are not here" in said
    assert "nobody has shown" not in said
    made = hosts.verb(LOST, "ledger", "identity", "--ensure", "--published", "0" * 40, codes=(4,))["error"]
    assert "the host was rebuilt" in made["what"]
    assert hosts.run(LOST, f"ls {KEYS}/*").code != 0
    hosts.must(LOST, "tar x -C /srv", given=kept.repository)
    hosts.must(ELSEWHERE, "mkdir -m 700 /srv/old; tar x -C /srv/old", given=kept.node)
    hosts.must(ELSEWHERE, OLD)


def test_an_old_node_that_is_cut_off_and_alive_keeps_the_key_away(kept: Kept) -> None:
    hosts.must(ELSEWHERE, RUN_OLD.format("-p PrivateNetwork=yes"))
    said = received(kept)
    private = json.loads(hosts.must(ELSEWHERE, "cat /srv/old/keys/priv_validator_key.json"))["priv_key"]["value"]
    assert kept.address in said and private not in said
    refused = restore("--patience", "300", code=4)
    assert (refused["where"], "cut off" in refused["what"]) == ("holder", True)
    assert hosts.must(ELSEWHERE, "systemctl is-active old-node").strip() == "active"
    hosts.must(ELSEWHERE, "systemctl stop old-node")


def test_an_old_node_that_signs_keeps_the_key_away_whatever_words_say(kept: Kept) -> None:
    before = height(OTHER)
    hosts.must(ELSEWHERE, "systemctl stop ledger")
    hosts.must(ELSEWHERE, RUN_OLD.format(""))
    wait_for_vote(kept.address, before)
    assert restore("--because", WORDS, "--patience", "300", code=4)["where"] == "alive"
    hosts.must(ELSEWHERE, "systemctl stop old-node; rm -r /srv/old; systemctl start ledger")
    # Without it the chain stands.
    hosts.must(ELSEWHERE, "nodeops lifecycle watch --blocks 3 --timeout 300")


def wait_for_vote(address: str, above: int) -> None:
    end = time.monotonic() + 300
    while not any(address in one["votes"] and one["height"] > above for one in commits(OTHER, above + 1)):
        assert time.monotonic() < end, "the old node never signed"
        time.sleep(0.5)


def test_a_witness_that_lies_about_the_tip_is_caught() -> None:
    shown = hosts.verb(THIRD, "backup", "witness")
    newest = shown["headers"][0]
    newest["header"]["height"] = newest["commit"]["height"] = str(int(newest["header"]["height"]) + 50)
    hosts.must(LOST, "cat > /tmp/w.json", given=json.dumps(shown).encode())
    said = restore("--because", WORDS, "--witness", "/tmp/w.json", "--patience", "300", code=3)
    assert said["where"] == "block header"


def test_while_peers_keep_blocks_back_nothing_is_enabled() -> None:
    """In full until the newest block is too old to be the tip; else as long as shows that it waits."""
    rule = "nft add table inet cut; nft add chain inet cut out '{ type filter hook output priority -300; }'"
    hosts.must(LOST, f"{rule}; nft add rule inet cut out tcp dport 26656 drop; nft add rule inet cut out tcp sport 26656 drop")
    try:
        hosts.must(LOST, "systemctl restart ledger")
        patience = "50" if FULL else "5"
        said = hosts.verb(LOST, "backup", "restore", "--because", WORDS, "--patience", patience, codes=(4, 5), seconds=600)
    finally:
        hosts.must(LOST, "nft delete table inet cut")
    assert "waited" in said["error"]["what"] or "the newest block that is known" in said["error"]["what"]
    assert hosts.run(LOST, f"ls {KEYS}/*").code != 0


MOMENTS = ("quarantine", "catch up", "raise", "enable", "watch")


def killed_at(step: str) -> bool:
    """Kill a restore -9 as soon as it says a step; tell whether it came to that."""
    return step in hosts.script(LOST, KILL, step, WORDS, seconds=600)


KILL = """
import subprocess, sys
words = ["nodeops", "backup", "restore", "--because", sys.argv[2]]
running = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
for line in running.stderr:
    if line.startswith(sys.argv[1] + ":"):
        running.kill()
        print(line)
        break
running.wait()
"""


def kill_at_random(kills: int) -> None:
    """Kill restores, at moments that are the same in every run; one that was quicker begins anew, its ledger stopped."""
    chance, killed = random.Random(16), 0
    while killed < kills:
        if done_before_a_kill(chance.uniform(0.2, 8)):
            hosts.must(LOST, "systemctl stop ledger")
        else:
            killed += 1


def done_before_a_kill(seconds: float) -> bool:
    """Begin a restore and kill it after some seconds; tell whether it had ended."""
    line = f"timeout --signal KILL {seconds:.2f} nodeops backup restore --because {shlex.quote(WORDS)}"
    return hosts.run(LOST, line).code == 0


def test_two_at_once_and_kills_and_it_comes_back_signing(kept: Kept) -> None:
    hosts.must(LOST, f"systemd-run --quiet --unit first nodeops backup restore --because {shlex.quote(WORDS)}")
    # It says its first step when it holds the host.
    at_work = "until journalctl -q -u first -o cat | grep -q '^quarantine: '; do sleep 0.2; done"
    hosts.must(LOST, at_work, seconds=300)
    assert "at work here" in restore("--because", WORDS, "--wait", "0", code=4)["what"]
    hosts.must(LOST, "systemctl kill --signal KILL first; while systemctl is-active --quiet first; do sleep 0.1; done")
    hosts.must(LOST, f"install -o ledger -g ledger -m 600 /dev/stdin {STATE}", given=ZERO.encode())
    tip = height(OTHER)
    for step in MOMENTS:
        assert killed_at(step), step
    assert int(json.loads(hosts.must(LOST, f"cat {STATE}"))["height"]) > tip
    kill_at_random(100 if FULL else 0)
    given = {"restore_keys": str(kept.archive), "restore_identity": str(kept.identity), "restore_because": WORDS}
    # What a restore leaves out is not in these hosts either.
    left_out = "hardening,disk,log_host,exporter,mesh,backup,patch"
    words = ("-vvv", "--limit", LOST, "--skip-tags", left_out, "-e", json.dumps(given))
    with hosts.begun({LOST: f"python3 -u -c {shlex.quote(leaks.ARGUMENTS)}"}) as arguments:
        done = hosts.play("replace.yml", *words)
    assert done.returncode == 0, done.stdout[-3000:]
    kept.heard.extend(text.encode() for text in (done.stdout, done.stderr, arguments[LOST]))
    status = hosts.verb(LOST, "ledger", "status")
    assert (status["validator_address"], status["voting_power"]) == (kept.address, 1)
    assert hosts.run(LOST, f"ls -d {QUARANTINE}* {HOME}/data/observer_state.json").out == ""
    hosts.verb(LOST, "ledger", "verify")
    receipts = hosts.must(LOST, "cat /var/lib/nodeops/backup/receipts.jsonl")
    assert WORDS in receipts and '"done"' in receipts


def test_no_byte_of_a_key_is_where_it_does_not_belong(kept: Kept) -> None:
    secrets = leaks.patterns(LOST)
    assert "backup receive-keys" in kept.heard[2].decode() and len(secrets) == 13
    assert not [one for one in secrets for said in kept.heard if one in said]
    assert {node: leaks.left(node, secrets) for node in (LOST, ELSEWHERE, OTHER)} == {LOST: [], ELSEWHERE: [], OTHER: []}
    assert leaks_here.left_here(secrets, since=kept.archive.stat().st_mtime) == []


def test_a_signing_state_that_is_lost_where_the_keys_are_is_raised_above_the_tip() -> None:
    """A zero one was there when the key came back; where all else is on the host, no words are needed."""
    assert json.loads(hosts.must(LOST, f"cat {STATE}"))["height"] != "0"
    for line in (f"echo {shlex.quote(ZERO)} > {STATE}", f"rm {STATE}") if FULL else ():
        hosts.must(LOST, f"systemctl stop ledger; {line}")
        tip = height(OTHER)
        assert restore("--patience", "120", code=0)["signing_state"]["height"] > tip


def commits(node: str, first: int) -> list[dict[str, Any]]:
    """Return who signed each commit since a height, and the evidence in each block, as a node stores them."""
    answers: list[dict[str, Any]] = json.loads(hosts.script(node, COMMITS, str(first)))
    return answers


COMMITS = """
import json, sys, urllib.request
def ask(path):
    with urllib.request.urlopen("http://127.0.0.1:26657/" + path, timeout=20) as answer:
        return json.load(answer)["result"]
tip = int(ask("status")["sync_info"]["latest_block_height"])
found = []
for height in range(int(sys.argv[1]), tip + 1):
    commit = ask("commit?height=%d" % height)["signed_header"]["commit"]["signatures"]
    evidence = ask("block?height=%d" % height)["block"]["evidence"]["evidence"]
    votes = [one["validator_address"] for one in commit if one["block_id_flag"] != 1]
    found.append({"height": height, "votes": votes, "evidence": evidence})
print(json.dumps(found))
"""


def test_nobody_ever_signed_twice(kept: Kept) -> None:
    everything = commits(OTHER, 1)
    assert [one["height"] for one in everything] == list(range(1, len(everything) + 1))
    assert {kept.address in one["votes"] for one in everything} == {True, False}, "it voted, and was away"
    assert [one for one in everything if one["evidence"]] == []
    assert [one for one in everything if len(one["votes"]) != len(set(one["votes"]))] == []
    # The newest commit holds those votes that came in time, also of one who votes in every block.
    assert sum(kept.address in one["votes"] for one in everything[-10:]) > 0
