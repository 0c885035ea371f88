"""An organisation without a repository of ours, and an SFTP server that is: one more host with sshd and an account for it."""

import json

import hosts

NODE, SERVER = "beta-1", "alpha-repo"
KEY, KNOWN = "/etc/nodeops/backup/id_ed25519", "/etc/nodeops/backup/known_hosts"
ADDRESS = "172.30.45.50"
ACCOUNT = """
useradd --create-home --home-dir /srv/beta --shell /usr/sbin/nologin beta
install -d -o beta -m 700 /srv/beta/.ssh
install -o beta -m 600 /dev/stdin /srv/beta/.ssh/authorized_keys
printf 'Match User beta\\nForceCommand internal-sftp\\nDisableForwarding yes\\n' > /etc/ssh/sshd_config.d/90-beta.conf
systemctl reload ssh
"""


def settings(known: str = KNOWN) -> dict[str, str]:
    return {
        "RESTIC_REPOSITORY": f"sftp://beta@{ADDRESS}//srv/beta/repository",
        "RESTIC_PASSWORD": "only-for-this-test",
        "BACKUP_SSH_KEY": KEY,
        "BACKUP_SSH_KNOWN_HOSTS": known,
    }


def test_it_is_backed_up_by_its_unit_and_drilled_over_sftp() -> None:
    hosts.must(NODE, f"mkdir -p /etc/nodeops/backup; ssh-keygen -q -t ed25519 -N '' -f {KEY}")
    hosts.must(SERVER, ACCOUNT, given=hosts.must(NODE, f"cat {KEY}.pub").encode())
    shown = hosts.must(SERVER, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    hosts.must(NODE, f"cat > {KNOWN}", given=f"{ADDRESS} {' '.join(shown)}\n".encode())
    done = hosts.play("backup.yml", "--limit", NODE, "-e", json.dumps({"backup_settings": settings()}))
    assert done.returncode == 0, done.stdout[-3000:]
    said = hosts.verb(NODE, "backup", "status")
    assert (said["count"], {one["verdict"] for one in said["findings"]}) == (1, {"pass"})
    hosts.verb(NODE, "ledger", "wait", "--blocks", "2")
    hosts.must(NODE, "systemctl start nodeops-drill.service")
    assert hosts.verb(NODE, "backup", "status")["drill"]["passed"]
    assert hosts.verb(NODE, "backup", "verify")["findings"][0]["verdict"] == "pass"


def test_another_host_key_another_key_and_a_server_that_is_down_are_named() -> None:
    other = f"ssh-keygen -q -t ed25519 -N '' -f /srv/other; echo {ADDRESS} $(cut -d' ' -f1,2 /srv/other.pub) > {KNOWN}"
    troubles = {
        "host key is not the one that is known": (NODE, f"cp {KNOWN} /srv/kept; {other}", f"cp /srv/kept {KNOWN}"),
        "does not let this node in": (SERVER, "mv /srv/beta/.ssh /srv/beta/.away", "mv /srv/beta/.away /srv/beta/.ssh"),
        "does not answer": (SERVER, "nft add table inet t; nft add chain inet t i '{ type filter hook input priority 0; }'; "
                            "nft add rule inet t i ip saddr 172.30.45.21 tcp dport 22 reject", "nft delete table inet t"),
    }  # fmt: skip
    for said, (place, begin, end) in troubles.items():
        hosts.must(place, begin)
        try:
            found = hosts.run(NODE, "nodeops backup run")
        finally:
            hosts.must(place, end)
        assert (found.code, said in found.err) == (3, True), found
    assert hosts.run(NODE, "nodeops backup run").code == 0
