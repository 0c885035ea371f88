"""Backups of real hosts in a real repository: what arrives, what comes back, who may do what, and what stops nothing."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hosts
import pytest
from tier import FULL

REPOSITORY = "alpha-repo"
SAVED = ["alpha-1", "alpha-2"]
UNIT = "nodeops-backup.service"
DATA = "/var/lib/nodeops-repository"
SETTINGS = "/etc/nodeops/backup.env"
# A node's own restic, with what opens its repository, as an operator has it by hand.
RESTIC = f"set -a; . {SETTINGS}; set +a; restic --no-cache --quiet --cacert /etc/nodeops/backup/repository.pem"
# What a node can ask of its repository with its credential, beside restic.
ASK = """
import os, ssl, sys, urllib.request
from base64 import b64encode
from urllib.parse import urlsplit
settings = dict(line.rstrip().split("=", 1) for line in open("/etc/nodeops/backup.env"))
parts = urlsplit(settings["RESTIC_REPOSITORY"].removeprefix("rest:"))
context = ssl.create_default_context(cafile=settings["BACKUP_CACERT"])
who = b64encode(f"{parts.username}:{parts.password}".encode()).decode()
method, path, *body = sys.argv[1:]
request = urllib.request.Request(f"https://{parts.hostname}:{parts.port}{path}", method=method)
request.add_header("Authorization", "Basic " + who)
request.data = body[0].encode() if body else None
try:
    print(urllib.request.urlopen(request, context=context, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def snapshots(node: str) -> list[dict[str, Any]]:
    return [one for one in hosts.verb(node, "backup", "list")["snapshots"] if one["tags"]["class"] == "b"]


def made(node: str) -> hosts.Said:
    """Make a backup as the timer does."""
    return hosts.run(node, f"systemctl start {UNIT}")


def signs(node: str) -> None:
    """See that a node signs: nearly all of the last blocks, with the little that a busy machine may make it miss."""
    said = hosts.verb(node, "status", codes=(0, 1))["signed_recent"]
    assert said["signed"] >= said["of"] - 5, said


def test_a_backup_of_each_node_arrives_by_the_timers_unit_and_comes_back_byte_for_byte() -> None:
    for node in SAVED:
        before = snapshots(node)
        assert made(node).code == 0
        after = snapshots(node)
        assert len(after) == len(before) + 1
        newest = after[-1]
        assert int(newest["tags"]["height"]) > 0
        assert hosts.must(node, "systemctl is-active nodeops-backup.timer").strip() == "active"
        hosts.must(node, f"{RESTIC} restore {newest['id']} --target /srv/back")
        # What the node goes on writing is compared by its height; all else is what it was.
        same = [path for path in newest["paths"] if not path.endswith(("priv_validator_state.json", "/var/lib/nodeops"))]
        assert len(same) == 3
        for path in same:
            hosts.must(node, f"cmp {path} /srv/back{path}")
        signed = json.loads(hosts.must(node, "cat /srv/back/var/lib/ledger/data/priv_validator_state.json"))
        assert int(signed["height"]) >= int(newest["tags"]["height"])
        hosts.must(node, "rm -rf /srv/back")


def test_a_nodes_own_credential_neither_removes_nor_alters_and_opens_nothing_of_another() -> None:
    own, other = SAVED
    names = hosts.must(REPOSITORY, f"cd {DATA}/{own} && find snapshots data keys config -type f | sort").split()
    sums = hosts.must(REPOSITORY, f"cd {DATA}/{own} && find snapshots data keys config -type f | sort | xargs sha256sum")
    for name in [names[0], *(next(one for one in names if one.startswith(kind)) for kind in ("snapshots", "data", "keys"))]:
        path = f"/{own}/{'data/' + name.rsplit('/', 1)[1] if name.startswith('data') else name}"
        assert hosts.script(own, ASK, "DELETE", path).strip() == "403"
        assert hosts.script(own, ASK, "POST", path, "altered").strip() == "403"
    for method, path in (("GET", "config"), ("GET", "snapshots/"), ("POST", "config"), ("DELETE", "config")):
        assert hosts.script(own, ASK, method, f"/{other}/{path}").strip() == "401"
    hosts.run(own, f"timeout 6 sh -c '{RESTIC} forget --keep-last 1'")
    assert hosts.must(REPOSITORY, f"cd {DATA}/{own} && sha256sum {' '.join(names)}") == sums
    hosts.must(own, f"{RESTIC} unlock --remove-all")


def connects(node: str) -> bool:
    address = hosts.controller("document", "show", node, "--json")["document"]
    port = address["repository_ports"]["backups"]["port"]
    host = address["repositories"][REPOSITORY]["address"]
    return hosts.run(node, f"timeout 5 bash -c '</dev/tcp/{host}/{port}'").code == 0


def test_only_nodes_of_the_organisation_reach_it() -> None:
    assert connects("alpha-1")
    assert not connects("beta-1")


@pytest.mark.parametrize(("node", "unit", "most"), [(REPOSITORY, "nodeops-repository.service", 1.5), (SAVED[0], UNIT, 1.8)])
def test_the_exposure_of_its_units(node: str, unit: str, most: float) -> None:
    said = hosts.must(node, f"systemd-analyze security --no-pager {unit} | tail -n 1")
    assert float(said.split(":")[1].split()[0]) <= most


def test_secrets_are_for_root_alone_and_differ() -> None:
    words = hosts.at_once(lambda node: hosts.must(node, f"stat -c '%a %U' {SETTINGS}; cat {SETTINGS}").splitlines(), SAVED)
    assert {lines[0] for lines in words.values()} == {"600 root"}
    first, second = (set(lines[1:3]) for lines in words.values())
    assert not first & second
    assert (
        hosts.must(REPOSITORY, "stat -c '%a %U' /etc/nodeops/repository/users /etc/nodeops/repository/key.pem").split("\n")[:2]
        == ["600 root"] * 2
    )


@contextmanager
def changed(node: str, begin: str, end: str) -> Iterator[None]:
    hosts.must(node, begin)
    try:
        yield
    finally:
        hosts.must(node, end)


DROP_IN = "/run/systemd/system/nodeops-repository.service.d"
# A unit is active before its server listens.
AND_LISTEN = """
process=$(systemctl show -p MainPID --value nodeops-repository)
timeout 60 sh -c "until ss -Hltnp | grep -q pid=$process,; do sleep 0.1; done"
"""
START = f"systemctl start nodeops-repository\n{AND_LISTEN}"
LITTLE = f"""
mkdir -p {DROP_IN}
systemctl cat nodeops-repository | sed -n '/^ExecStart=/,/[^\\\\]$/p' |
  sed 's/^ExecStart=/[Service]\\nExecStart=\\nExecStart=/; s/--append-only/& --max-size 20000/' > {DROP_IN}/little.conf
systemctl daemon-reload; systemctl restart nodeops-repository
{AND_LISTEN}"""
LARGE = f"rm -rf {DROP_IN}; systemctl daemon-reload; systemctl restart nodeops-repository\n{AND_LISTEN}"
OTHER = (
    "cp -p {0} {0}.kept; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 9 -keyout /dev/null -out {0} "
    "-subj /CN=other -addext subjectAltName=IP:172.30.45.50 2>/dev/null"
).format("/etc/nodeops/backup/repository.pem")
PUT_BACK = "mv {0}.kept {0}"
TROUBLES = {
    "down": (REPOSITORY, "systemctl stop nodeops-repository", START, "does not answer"),
    "full": (REPOSITORY, LITTLE, LARGE, "is full"),
    "another's certificate": (
        SAVED[0],
        OTHER,
        PUT_BACK.format("/etc/nodeops/backup/repository.pem"),
        "certificate is not trusted",
    ),
    "a wrong password": (
        SAVED[0],
        f"sed -i.kept 's/^RESTIC_PASSWORD=./&x/' {SETTINGS}",
        PUT_BACK.format(SETTINGS),
        "the password does not open it",
    ),
    "a wrong credential": (SAVED[0], f"sed -i.kept 's/@/x@/' {SETTINGS}", PUT_BACK.format(SETTINGS), "does not let this node in"),
}


# In full all. Whom a repository does not let in, or who does not trust it, is told by the unit in test_sftp.py, too, and for this
# kind of repository in tests/unit/backup/test_reach.py.
TOLD = list(TROUBLES) if FULL else ["down", "full"]


@pytest.mark.parametrize("trouble", TOLD)
def test_a_repository_that_cannot_be_used_is_named_and_the_node_signs_on(trouble: str) -> None:
    place, begin, end, said = TROUBLES[trouble]
    node = SAVED[0]
    with changed(place, begin, end):
        # Something new to bring, or a full repository has nothing to refuse.
        hosts.must(node, "head -c 200000 /dev/urandom > /var/lib/nodeops/new")
        assert made(node).code != 0
        remembered = hosts.verb(node, "backup", "show", codes=(0, 1))
        assert said in remembered["error"], remembered
        signs(node)
    assert made(node).code == 0
    assert hosts.verb(node, "backup", "show")["error"] == ""


# Some 60 KB a second, and what is above is lost on its way.
SLOW = """
nft add table inet slow
nft add chain inet slow in '{ type filter hook input priority -300; }'
nft add rule inet slow in ip saddr 172.30.45.11 tcp dport != 22 limit rate over 60 kbytes/second burst 20 kbytes counter drop
"""


def test_a_slow_repository_gets_the_backup_whole_and_the_node_signs_on() -> None:
    node = SAVED[0]
    before = snapshots(node)
    hosts.must(node, "head -c 600000 /dev/urandom > /var/lib/nodeops/new")
    with changed(REPOSITORY, SLOW, "nft delete table inet slow"):
        hosts.must(node, f"systemctl start --no-block {UNIT}")
        signs(node)
        # By its end, not by a start that joins it: on a busy machine it may be over by now, and another one would begin.
        over = f"while [ $(systemctl is-active {UNIT}) = activating ]; do sleep 0.5; done"
        assert hosts.must(node, f"{over}; systemctl show -p Result --value {UNIT}").strip() == "success"
        signs(node)
        assert "packets 0 " not in hosts.must(REPOSITORY, "nft list table inet slow | grep counter")
    assert len(snapshots(node)) == len(before) + 1


FLIP = "import sys; f = open(sys.argv[1], 'r+b'); f.seek(99); b = f.read(1)[0]; f.seek(99); f.write(bytes([b ^ 1]))"


def test_a_flipped_bit_is_found_and_a_snapshot_that_is_gone_is_missed() -> None:
    node = SAVED[1]
    assert hosts.verb(node, "backup", "verify")["findings"][0]["verdict"] == "pass"
    pack = hosts.must(REPOSITORY, f"find {DATA}/{node}/data -type f -size +1k | head -1").strip()
    flip = f"python3 -c {shlex.quote(FLIP)} {pack}"
    with changed(REPOSITORY, f"chmod u+w {pack}; {flip}", flip):
        assert hosts.verb(node, "backup", "verify", codes=(1,))["findings"][0]["id"] == "backup.integrity"
    assert hosts.verb(node, "backup", "status")["count"] == len(snapshots(node))
    last = snapshots(node)[-1]["id"]
    file = hosts.must(REPOSITORY, f"ls {DATA}/{node}/snapshots/{last}*").strip()
    with changed(REPOSITORY, f"mv {file} /srv/", f"mv /srv/{file.rsplit('/', 1)[1]} {file}"):
        findings = hosts.verb(node, "backup", "status", codes=(1,))["findings"]
        assert {one["id"]: one["verdict"] for one in findings}["backup.history"] == "fail"


# Collects the arguments of every process while a backup runs: for seconds, and until restic is at it.
WATCH = """
import glob, time
begun, seen = time.monotonic(), set()
def at_it():
    return any(one.startswith("restic\\0") and "\\0backup\\0" in one for one in seen)
while (now := time.monotonic() - begun) < 6 or now < 90 and not at_it():
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            seen.add(open(path).read())
        except OSError:
            pass
    time.sleep(0.02)
print("\\n".join(seen))
"""


def test_one_that_was_killed_in_the_middle_is_made_the_next_time_and_no_secret_is_anywhere() -> None:
    node = SAVED[0]
    before = snapshots(node)
    hosts.must(node, f"cp -p {SETTINGS} {SETTINGS}.kept; echo BACKUP_LIMIT_UPLOAD=512 >> {SETTINGS}")
    hosts.must(node, "head -c 40000000 /dev/urandom > /var/lib/nodeops/new")
    try:
        hosts.must(node, f"systemctl start --no-block {UNIT}")
        arguments = hosts.script(node, WATCH)
        assert "restic" in arguments
        hosts.must(node, f"pgrep -x restic && systemctl kill --signal=KILL {UNIT}")
    finally:
        hosts.must(node, f"mv {SETTINGS}.kept {SETTINGS}")
    until = time.monotonic() + 30
    while hosts.run(node, f"systemctl is-failed {UNIT}").code and time.monotonic() < until:
        time.sleep(0.2)
    assert len(snapshots(node)) == len(before)
    signs(node)
    assert made(node).code == 0
    assert len(snapshots(node)) == len(before) + 1
    assert hosts.verb(node, "backup", "verify")["findings"][0]["verdict"] == "pass"
    hosts.must(node, "rm /var/lib/nodeops/new")
    judge_secrets(node, arguments)


def judge_secrets(node: str, arguments: str) -> None:
    """See that nothing which opens anything stands where it does not belong."""
    settings = dict(line.split("=", 1) for line in hosts.must(node, f"cat {SETTINGS}").splitlines())
    credential = settings["RESTIC_REPOSITORY"].split(":")[3].split("@")[0]
    key = json.loads(hosts.must(node, "cat /var/lib/ledger/keys/priv_validator_key.json"))["priv_key"]["value"]
    secrets = [settings["RESTIC_PASSWORD"], credential, key]
    assert all(len(secret) > 40 for secret in secrets)
    assert not [secret for secret in secrets if secret in arguments]
    patterns = "".join(f"{secret}\n" for secret in secrets).encode()
    places = {
        node: "/etc/nodeops/node.json /var/lib/nodeops /tmp /var/tmp /run/nodeops /var/log",
        REPOSITORY: f"{DATA} /etc/nodeops /tmp /var/tmp /var/log",
    }
    for host, folders in places.items():
        line = f"cat > /srv/patterns; grep -rlFf /srv/patterns {folders}; journalctl --no-pager | grep -cFf /srv/patterns"
        found = hosts.run(host, f"{line}; rm /srv/patterns", given=patterns)
        assert found.out.strip() == "0", found


def test_the_fleet_shows_every_node() -> None:
    said = hosts.controller("fleet", "backup", "--json")
    assert {node: said["nodes"][node].get("count", 0) > 0 for node in hosts.NODES} == {
        "alpha-1": True,
        "alpha-2": True,
        "beta-1": False,
    }
    assert {one["id"] for one in said["findings"]} == {"beta-1.backup"}
