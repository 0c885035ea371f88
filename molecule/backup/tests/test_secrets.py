"""After a backup, a drill and a forget, by playbooks that tell all: no byte of a key is where it does not belong."""

import hosts
import leaks

NODE, REPOSITORY = "alpha-2", "alpha-repo"
UNITS = ("ledger.service", "nodeops-backup.service", "nodeops-drill.service")


def test_no_byte_of_a_key_is_where_it_does_not_belong() -> None:
    secrets = leaks.patterns(NODE)
    assert len(secrets) == 15
    for playbook in ("backup.yml", "drill.yml"):
        done = hosts.play(playbook, "-vvv", "--limit", f"{NODE},{REPOSITORY}")
        assert done.returncode == 0, done.stdout[-3000:]
        said = (done.stdout + done.stderr).encode()
        assert not [one for one in secrets if one in said], playbook
    hosts.must(NODE, "systemctl start nodeops-backup.service nodeops-drill.service")
    assert leaks.left(NODE, secrets) == []
    assert leaks.left(REPOSITORY, secrets) == []
    document = hosts.must(NODE, "cat /etc/nodeops/node.json").encode()
    assert not [one for one in secrets if one in document]


def test_the_search_finds_what_it_looks_for() -> None:
    secrets = leaks.patterns(NODE)
    for number, one in enumerate(secrets):
        hosts.must(NODE, f"cat > /srv/leak-{number}", given=b"x" * 99 + one + b"y" * 9)
    try:
        assert sorted(leaks.left(NODE, secrets)) == sorted(f"/srv/leak-{number}" for number in range(len(secrets)))
    finally:
        hosts.must(NODE, "rm /srv/leak-*")


def test_no_unit_that_has_secrets_leaves_a_core() -> None:
    for unit in UNITS:
        assert hosts.must(NODE, f"systemctl show --property LimitCORE --value {unit}").strip() == "0", unit
