"""Old backups removed on the repository: what a node writes there, with all its own rights, decides nothing of what goes."""

import json
import shlex
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import hosts

REPOSITORY, NODE = "alpha-repo", "alpha-2"
DATA = f"/var/lib/nodeops-repository/{NODE}"
SETTINGS = "/etc/nodeops/backup.env"
SERVER = "nodeops-repository.service"
NOW = datetime.now(UTC)
LONG_AGO = (NOW - timedelta(days=50)).replace(hour=3)
HOUR = timedelta(hours=1)
# Whole backups, with the node's own restic and credential, that say any time.
WRITE = """
import json, os, subprocess, sys
settings = dict(line.rstrip().split("=", 1) for line in open("/etc/nodeops/backup.env"))
claimed, number = sys.argv[1:]
common = ("backup", "--json", "--stdin", "--host", "alpha-2", "--time", claimed)

def restic(*words, given):
    argv = ["restic", "--no-cache", "--cacert", settings["BACKUP_CACERT"], *common, *words]
    done = subprocess.run(argv, input=given, env={**os.environ, **settings}, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])["snapshot_id"]

for _ in range(int(number)):
    name = restic("--tag", "class=b", "--stdin-filename", "state", given=os.urandom(40000))[:8]
    restic("--tag", "class=mark", "--tag", "of=" + name, "--stdin-filename", "whole", given=name.encode())
    print(name)
"""


def forgotten(*words: str, code: int = 0) -> Any:
    """Ask the repository to forget, and give it what opens the node's backups."""
    opening = hosts.must(NODE, f"cat {SETTINGS}").encode()
    done = hosts.run(REPOSITORY, f"nodeops backup forget {NODE} --json {' '.join(words)}", given=opening, seconds=300)
    assert done.code == code, done
    return json.loads(done.out)


def wrong(answer: Any) -> set[str]:
    return {one["id"] for one in answer["findings"] if one["verdict"] == "fail"}


def written(claimed: datetime, number: int = 1) -> set[str]:
    """Let the node write backups that say they are of some moment."""
    return set(hosts.script(NODE, WRITE, f"{claimed:%Y-%m-%d %H:%M:%S}", str(number), seconds=300).split())


def came(moment: datetime) -> None:
    """Let what arrived in the last minutes have come at a moment: nobody can wait for fifty days."""
    newer = f"find {DATA}/snapshots -newer /srv/before -type f"
    hosts.must(REPOSITORY, f"{newer} -exec touch -d '{moment:%Y-%m-%d %H:%M:%S} UTC' {{}} +; touch /srv/before")


def there() -> set[str]:
    """Return what the node finds there, once the server is back: who forgets is done a moment before."""
    wait_until_it_serves()
    return {one["id"] for one in hosts.verb(NODE, "backup", "list")["snapshots"]}


def serves() -> bool:
    """Tell whether the server listens, which it does a moment after its unit is active."""
    listens = f"ss -Hltnp | grep -q pid=$(systemctl show -p MainPID --value {SERVER}),"
    return hosts.run(REPOSITORY, listens).code == 0


def wait_until_it_serves() -> None:
    until = time.monotonic() + 60
    while not serves():
        assert time.monotonic() < until, "the repository's server was not started again"
        time.sleep(0.2)


def test_what_is_old_goes_and_the_first_of_each_day_stays() -> None:
    hosts.must(REPOSITORY, "touch /srv/before; sleep 1")
    first = written(LONG_AGO)
    came(LONG_AGO)
    second = written(LONG_AGO + HOUR)
    came(LONG_AGO + HOUR)
    before = there()
    planned = forgotten("--dry-run")
    assert wrong(planned) == set() and serves()
    assert forgotten()["going"] == planned["going"]
    assert (first <= there(), before - there()) == (True, second)
    wait_until_it_serves()
    assert hosts.run(NODE, "systemctl start nodeops-backup.service").code == 0
    assert hosts.verb(NODE, "backup", "verify")["findings"][0]["verdict"] == "pass"
    assert hosts.must(REPOSITORY, f"find {DATA} ! -user restic-rest-server") == ""


def test_a_flood_of_a_nodes_own_with_false_times_removes_nothing_of_what_was_good() -> None:
    """Those who keep the last so many of what claims to be old lose the good ones to it."""
    good = there()
    hosts.must(REPOSITORY, "touch /srv/before; sleep 1")
    false = written(LONG_AGO - HOUR, 2) | written(NOW + timedelta(days=9))
    seen = forgotten(code=1)
    assert "forget.times" in wrong(seen)
    assert not {one[:8] for one in seen["going"]} & good
    # Fifty days later, nobody having looked.
    came(LONG_AGO + HOUR)
    refused = forgotten(code=4)["error"]
    assert "forget.times" in refused["what"]
    assert good | false <= there()
    wait_until_it_serves()


def test_damage_is_evidence_whatever_anybody_says() -> None:
    # All packs: one that a backup left half way belongs to nothing, and its damage is none. Eight bytes: one might be the same.
    flip = "chmod u+w {}; printf damaged! | dd of={} bs=1 seek=99 conv=notrunc status=none"
    damage = f"find {DATA}/data -type f -size +1k -exec sh -c '{flip}' ';'"
    hosts.must(REPOSITORY, f"cp -a {DATA}/data /srv/packs; {damage}")
    try:
        assert "forget.integrity" in forgotten("--because", "'somebody says so'", code=4)["error"]["what"]
    finally:
        hosts.must(REPOSITORY, f"cp -a /srv/packs/. {DATA}/data; rm -r /srv/packs")


def test_words_are_written_down_and_the_server_comes_back_after_a_kill() -> None:
    unit = f"nodeops-forget-{NODE}"
    # While it looks still: the server stands, and what may go is there for the next one to remove.
    killer = f"until pgrep -x restic; do sleep 0.1; done; systemctl kill --signal KILL {unit}"
    hosts.must(REPOSITORY, f"systemd-run --quiet sh -c {shlex.quote(killer)}")
    opening = hosts.must(NODE, f"cat {SETTINGS}").encode()
    assert hosts.run(REPOSITORY, f"nodeops backup forget {NODE} --because 'a test wrote them'", given=opening).code != 0
    wait_until_it_serves()
    before = there()
    done = forgotten("--because", "'a test wrote them'")
    assert done["going"] and there() < before
    book = hosts.must(REPOSITORY, "cat /var/lib/nodeops-forget/notes.jsonl")
    assert "a test wrote them" in book and "forget.times" in book
    assert hosts.verb(NODE, "backup", "verify")["findings"][0]["verdict"] == "pass"


def test_another_password_and_another_name_are_refused() -> None:
    given = b"RESTIC_REPOSITORY=x\nRESTIC_PASSWORD=another\n"
    said = hosts.run(REPOSITORY, f"nodeops backup forget {NODE} --dry-run", given=given)
    assert (said.code, "the password does not open it" in said.err) == (3, True), said
    said = hosts.run(REPOSITORY, "nodeops backup forget ../../etc --dry-run", given=given)
    assert (said.code, "has no repository" in said.err) == (2, True), said
