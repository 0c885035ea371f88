"""Whether any byte of a node's keys is where it does not belong: as it is, in base64, in hex."""

import base64
import json
import shlex

import hosts
from leaks_search import SEARCH

KEYS = ("/var/lib/ledger/keys/node_key.json", "/var/lib/ledger/keys/priv_validator_key.json")
# Where the ledger knows authors: ed25519 in PKCS 8, whose last 32 bytes are the secret (RFC 8410).
RECORD_KEY = "/var/lib/ledger/keys/record_key.pem"
SETTINGS = "/etc/nodeops/backup.env"
# Where keys and passwords are at home; what systemd hands to a unit is in memory.
HOMES = ("/var/lib/ledger/keys", SETTINGS, "/run/credentials", "/etc/nodeops/repository/users")
# Says the arguments of every process once, for as long as it runs.
ARGUMENTS = """
import glob, time
seen = set()
while True:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            said = open(path).read().replace(chr(0), " ")
        except OSError:
            continue
        if said not in seen:
            seen.add(said)
            print(said)
    time.sleep(0.02)
"""


def patterns(node: str) -> list[bytes]:
    """Return every form in which the secrets of a node could be found."""
    raw = [base64.b64decode(json.loads(hosts.must(node, f"cat {file}"))["priv_key"]["value"])[:32] for file in KEYS]
    written = "".join(hosts.must(node, f"test ! -e {RECORD_KEY} || grep -v -e ---- {RECORD_KEY}").split())
    raw += [base64.b64decode(written)[-32:]] if written else []
    found = [
        form for seed in raw for form in (seed, base64.b64encode(seed)[:40], seed.hex().encode(), seed.hex().upper().encode())
    ]
    # In the file's own words, behind the 16 bytes that every such key begins with.
    found += [written[22:60].encode()] if written else []
    lines = hosts.run(node, f"cat {SETTINGS}").out.splitlines()
    said = dict(line.split("=", 1) for line in lines)
    opening = [said.get("RESTIC_PASSWORD", ""), said.get("RESTIC_REPOSITORY", "").partition("@")[0].rpartition(":")[2]]
    return [*found, *(one.encode() for one in opening if len(one) > 20)]


def _forms(secret: bytes) -> list[bytes]:
    # Of base64 the first characters, which are the same whatever follows.
    return [secret, base64.b64encode(secret)[:40], secret.hex().encode(), secret.hex().upper().encode()]


def left(node: str, secrets: list[bytes]) -> list[str]:
    """Return the files of a host that hold one of the secrets and should not. Fails for a file that could not be read."""
    # Not as arguments: sudo writes those into the journal.
    given = json.dumps({"secrets": [one.hex() for one in secrets], "homes": HOMES}).encode()
    return hosts.must(node, f"python3 -c {shlex.quote(SEARCH)}", given=given).split()
