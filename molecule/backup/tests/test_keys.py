"""The archive of the keys on real hosts: whom it is for, what is in it, where it is kept."""

import json
from pathlib import Path

import hosts

FOLDER = "/srv/custody"
_OF_LEDGER = ("node_key.json", "priv_validator_key.json", "record_key.pem")
KEYS = [*(f"/var/lib/ledger/keys/{name}" for name in _OF_LEDGER), "/etc/nodeops/backup.env"]


def test_it_is_made_for_the_admins_of_the_file_and_kept_in_three_places() -> None:
    for node in ("alpha-1", "alpha-2"):
        said = hosts.verb(node, "backup", "keys")
        verdicts = {one["id"]: one["verdict"] for one in said["findings"]}
        assert verdicts == {"backup.keys": "pass", "backup.keys.admins": "pass", "backup.keys.ledger": "pass"}
        assert (hosts.SCENARIO / "custody" / f"{node}.age").read_text(encoding="ascii") == said["archive"]
        kept = [one for one in hosts.verb(node, "backup", "list")["snapshots"] if one["tags"]["class"] == "a"]
        assert [one["paths"] for one in kept] == [["/var/lib/nodeops/backup/custody.age"]]


def test_an_admin_opens_it_and_finds_the_keys_that_the_host_has(tmp_path: Path) -> None:
    node = "alpha-1"
    hosts.must(node, f"mkdir -p {FOLDER}; cd {FOLDER}; for who in one two; do ssh-keygen -q -t ed25519 -N '' -f $who; done")
    admins = hosts.must(node, f"cat {FOLDER}/one.pub {FOLDER}/two.pub").splitlines()
    document = json.loads(hosts.must(node, "cat /etc/nodeops/node.json"))
    document["organisations"]["alpha"]["admins"] = admins
    document["paths"]["backup_state"] = FOLDER
    hosts.must(node, f"cat > {FOLDER}/node.json", given=json.dumps(document).encode())
    hosts.verb(node, "backup", "keys", "--ensure", "--document", f"{FOLDER}/node.json")
    for who in ("one", "two"):
        for key in KEYS:
            hosts.must(node, f"age -d -i {FOLDER}/{who} {FOLDER}/custody.age | tar xO {key[1:]} | cmp - {key}")
    for name, file in (("one", "one"), (f"{node}.age", "custody.age")):
        (tmp_path / name).write_text(hosts.must(node, f"cat {FOLDER}/{file}"), encoding="ascii")
    (tmp_path / "one").chmod(0o600)
    words = (str(tmp_path / f"{node}.age"), "--identity", str(tmp_path / "one"), "--json")
    (found,) = hosts.controller("backup", "open-keys", *words)["findings"]
    assert (found["id"], found["verdict"]) == (f"{node}.custody", "pass")
    hosts.must(node, f"rm -r {FOLDER}")


def test_an_organisation_without_two_admins_is_told_so() -> None:
    (found,) = hosts.verb("beta-1", "backup", "keys")["findings"]
    assert (found["verdict"], "names 0 keys" in found["actual"]) == ("warn", True)
