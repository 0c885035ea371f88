"""A repository over SFTP, on a host with OpenSSH's own server: by the timer's unit, in its sandbox, with the role's settings."""

import json
from collections.abc import Iterator

import hosts
import pytest
from tier import FULL

NODE, PLACE, ADDRESS = "alpha-1", "alpha-repo", "172.30.45.50"
FOLDER, SETTINGS, MEMORY = "/etc/nodeops/backup", "/etc/nodeops/backup.env", "/var/lib/nodeops/backup/last.json"
KEY, KNOWN = f"{FOLDER}/id_ed25519", f"{FOLDER}/known_hosts"
BACKUP, DRILL = "nodeops-backup.service", "nodeops-drill.service"
PASSWORD = "of-a-repository-over-sftp-that-nothing-else-opens"
# An account that can do nothing but SFTP; who may log in is a file of root's.
ACCOUNT = """
useradd --system --create-home --home-dir /srv/sftp backups
cat > /etc/ssh/sshd_config.d/00-backups.conf <<END
Match User backups
  ForceCommand internal-sftp
  AuthorizedKeysFile /etc/ssh/backups_keys
Match all
END
install -m 644 /dev/stdin /etc/ssh/backups_keys
sshd -t && systemctl reload ssh
"""


def test_the_host_of_a_node_is_let_in_with_a_key_of_its_own() -> None:
    hosts.must(
        NODE,
        f"cp -p {SETTINGS} {SETTINGS}.kept; cp -p {MEMORY} {MEMORY}.kept; rm -f {KEY}; ssh-keygen -q -t ed25519 -N '' -f {KEY}",
    )
    hosts.must(PLACE, ACCOUNT, given=hosts.must(NODE, f"cat {KEY}.pub").encode())
    seen = hosts.must(PLACE, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    hosts.must(NODE, f"cat > {KNOWN}", given=f"{ADDRESS} {' '.join(seen)}\n".encode())
    settings = {
        "RESTIC_REPOSITORY": f"sftp://backups@{ADDRESS}//srv/sftp/{NODE}",
        "RESTIC_PASSWORD": PASSWORD,
        "BACKUP_SSH_KEY": KEY,
        "BACKUP_SSH_KNOWN_HOSTS": KNOWN,
    }
    words = ("--limit", NODE, "-e", json.dumps({"backup_settings": settings}))
    done = hosts.play("../molecule/backup/sftp.yml", *words)
    assert done.returncode == 0, done.stdout[-3000:]
    assert hosts.must(NODE, f"stat -c '%a %U' {SETTINGS}").strip() == "600 root"
    assert PASSWORD not in done.stdout


def test_a_backup_comes_by_the_timers_unit_is_read_back_and_drilled_by_its_own() -> None:
    assert hosts.verb(NODE, "backup", "init")["changes"]
    hosts.must(NODE, f"systemctl start {BACKUP}")
    found = hosts.verb(NODE, "backup", "status")
    assert {one["id"]: one["verdict"] for one in found["findings"]}["backup.place"] == "pass"
    assert found["count"] == 1
    hosts.must(NODE, "nodeops ledger wait --blocks 2 --timeout 300")
    hosts.must(NODE, f"systemctl start {DRILL}")
    assert hosts.verb(NODE, "backup", "status")["drill"]["passed"]
    assert hosts.verb(NODE, "backup", "verify")["findings"][0]["verdict"] == "pass"
    assert hosts.must(PLACE, f"find /srv/sftp/{NODE} -type f ! -user backups") == ""


@pytest.fixture
def spoiled(request: pytest.FixtureRequest) -> Iterator[str]:
    place, begin, end, said = TROUBLES[request.param]
    hosts.must(place, begin)
    yield said
    hosts.must(place, end)


OTHER = f"""
cp -p {KNOWN} {KNOWN}.kept; ssh-keygen -q -t ed25519 -N '' -f /tmp/other
echo {ADDRESS} $(cut -d ' ' -f 1,2 /tmp/other.pub) > {KNOWN}
"""
TROUBLES = {
    "another host answers there": (
        NODE,
        OTHER,
        f"mv {KNOWN}.kept {KNOWN}; rm /tmp/other*",
        "host key is not the one that is known",
    ),
    "its key was taken out": (
        PLACE,
        "mv /etc/ssh/backups_keys /etc/ssh/backups_keys.kept",
        "mv /etc/ssh/backups_keys.kept /etc/ssh/backups_keys",
        "does not let this node in",
    ),
    "down": (
        NODE,
        f"sed -i.up 's#@{ADDRESS}/#@{ADDRESS}:2/#' {SETTINGS}; grep -q :2/ {SETTINGS}",
        f"mv {SETTINGS}.up {SETTINGS}",
        "does not answer",
    ),
    "a wrong password": (
        NODE,
        f"sed -i.right 's/^RESTIC_PASSWORD=./&x/' {SETTINGS}",
        f"mv {SETTINGS}.right {SETTINGS}",
        "the password does not open it",
    ),
}


# One that is away is told of the other repository (test_backup.py); in full here, too.
@pytest.mark.parametrize("spoiled", [name for name in TROUBLES if FULL or name != "down"], indirect=True)
def test_what_is_wrong_is_told(spoiled: str) -> None:
    assert hosts.run(NODE, f"systemctl start {BACKUP}").code != 0
    remembered = hosts.verb(NODE, "backup", "show", codes=(0, 1))
    assert spoiled in remembered["error"], remembered
    assert PASSWORD not in json.dumps(remembered)


def test_all_is_well_again_and_no_secret_is_in_the_journal() -> None:
    hosts.must(NODE, f"systemctl start {BACKUP}")
    given = f"{PASSWORD}\n{hosts.must(NODE, f'sed 1d {KEY} | grep -v END')}".encode()
    journal = "cat > /dev/shm/secrets; journalctl --no-pager | grep -cFf /dev/shm/secrets; rm /dev/shm/secrets"
    assert hosts.run(NODE, journal, given=given).out == "0\n"
    hosts.must(NODE, f"mv {SETTINGS}.kept {SETTINGS}; mv {MEMORY}.kept {MEMORY}")
