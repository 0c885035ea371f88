"""`nodeops document check|show`, called as a person and as a machine would."""

import hashlib
import json

import pytest

from nodeops import cli
from nodeops.document.load import load_consortium
from nodeops.document.resolve import consortium_digest, resolve
from tests.unit.document.written import inventory, with_change

CHOICES = "nodeops_manages: [maker]\nnodeops_choices: {log_level: debug}\n"


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leaving:
        cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), out, err


def test_check_says_what_it_read(tmp_path, capsys):
    folder = inventory(tmp_path)
    code, out, _ = run(capsys, "document", "check", folder, "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["consortium"], answer["revision"], answer["nodes"]) == ("battery-ledger", 3, 5)
    assert answer["digest"] == consortium_digest(load_consortium(folder))
    assert {finding["verdict"] for finding in answer["findings"]} == {"pass", "warn"}


def test_check_for_people_shows_findings(tmp_path, capsys):
    code, out, _ = run(capsys, "document", "check", inventory(tmp_path) / "consortium.yml")
    assert code == 0
    assert "battery-ledger revision 3: 5 nodes" in out
    assert "pass validators: 4 validators" in out


def test_the_genesis_beside_it_is_named_to_be_compared(tmp_path, capsys):
    folder = inventory(tmp_path)
    assert "genesis_digest" not in json.loads(run(capsys, "document", "check", folder, "--json")[1])
    (folder / "genesis.json").write_bytes(b"{}\n")
    digest = hashlib.sha256(b"{}\n").hexdigest()
    for given in (folder, folder / "consortium.yml"):
        assert f"genesis.json has SHA-256 {digest}" in run(capsys, "document", "check", given)[1]
    assert json.loads(run(capsys, "document", "check", folder, "--json")[1])["genesis_digest"] == digest


def test_a_mistake_leaves_with_2_and_its_line(tmp_path, capsys):
    folder = inventory(tmp_path, with_change("power: 2", "powr: 2"))
    code, _, err = run(capsys, "document", "check", folder)
    assert code == 2
    assert f"{folder}/consortium.yml:12: nodes.tel-1.powr: unknown key" in err
    code, out, _ = run(capsys, "document", "check", folder, "--json")
    assert code == 2
    assert json.loads(out)["error"]["where"] == f"{folder}/consortium.yml:12"


def test_show_is_what_the_host_gets(tmp_path, capsys):
    folder = inventory(tmp_path, choices=CHOICES)
    code, out, _ = run(capsys, "document", "show", "mak-1", "--inventory", folder, "--json")
    document = resolve(load_consortium(folder), "mak-1", {"log_level": "debug"})
    assert code == 0
    assert json.loads(out)["document"] == document.model_dump(mode="json")


def test_show_for_people_names_every_key(tmp_path, capsys):
    _, out, _ = run(capsys, "document", "show", "mak-1", "--inventory", inventory(tmp_path, choices=CHOICES))
    assert "ledger.log_level" in out
    assert "debug" in out


def test_show_compares_with_an_older_document(tmp_path, capsys):
    folder = inventory(tmp_path)
    old = tmp_path / "old.json"
    document = resolve(load_consortium(folder), "mak-1", {}).model_dump(mode="json")
    old.write_text(json.dumps(document))
    assert "no difference" in run(capsys, "document", "show", "mak-1", "-i", folder, "--diff", old)[1]
    old.write_text(json.dumps({**document, "revision": 2}))
    _, out, _ = run(capsys, "document", "show", "mak-1", "-i", folder, "--diff", old, "--json")
    assert json.loads(out)["differences"] == [{"key": "revision", "old": 2, "new": 3}]


@pytest.mark.parametrize("content", ["", "[1]", "{", "null"])
def test_what_is_no_document_cannot_be_compared(tmp_path, capsys, content):
    (tmp_path / "old.json").write_text(content)
    code, _, err = run(capsys, "document", "show", "mak-1", "-i", inventory(tmp_path), "--diff", tmp_path / "old.json")
    assert code == 2
    assert "is not a node document" in err


def test_an_unknown_node_leaves_with_2(tmp_path, capsys):
    code, _, err = run(capsys, "document", "show", "nobody", "-i", inventory(tmp_path))
    assert code == 2
    assert "allowed: mak-1" in err


MISTAKES = """\
nodeops_manages: [maker]
nodeops_choices:
  log_levle: info
  hardening:
    ssh_groups: ["Wheel Group"]
  disk: {max_age_days: .inf, seal_bytes: 1000000000000000000000000000000}
"""
WAIVERS = """\
waivers:
  - {control: ssh.no-such, scope: maker, owner: Zhang Wei, reason: the migration needs it, expires: 2026-01-01}
  - {control: ssh.forwarding, scope: maker, owner: Zhang Wei, reason: the migration needs it, expires: 9999-12-31}
"""


def test_check_names_every_mistake_of_the_whole_inventory_with_its_line(tmp_path, capsys):
    folder = inventory(tmp_path, choices=MISTAKES)
    (folder / "waivers.yml").write_text(WAIVERS)
    for given in (folder, folder / "consortium.yml"):
        code, _, err = run(capsys, "document", "check", given)
        assert code == 2
        for said in (
            "all.yml:3: nodeops_choices.log_levle: unknown key 'log_levle'; allowed: log_level",
            "all.yml:5: nodeops_choices.hardening.ssh_groups.0: ",
            "all.yml:6: nodeops_choices.disk.max_age_days: ",
            "all.yml:6: nodeops_choices.disk.seal_bytes: ",
            "waivers.yml:2: control: there is no control 'ssh.no-such'",
            "waivers.yml:3: expires: 9999-12-31 is too far away",
        ):
            assert f"{folder}/" + (f"group_vars/{said}" if said.startswith("all") else said) in err


def test_check_names_mistakes_of_two_files_at_once(tmp_path, capsys):
    folder = inventory(tmp_path, with_change("power: 2", "powr: 2"), "nodeops_choices: {log_levle: info}\n")
    _, _, err = run(capsys, "document", "check", folder)
    assert ("consortium.yml:12: nodes.tel-1.powr" in err, "all.yml:1: nodeops_choices.log_levle" in err) == (True, True)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ("nodeops_choises: {}\n", "all.yml:1: unknown variable 'nodeops_choises'"),
        ("---\nnodeops_manages: [nobody]\n", "all.yml:2: nodeops_manages names unknown organisations: nobody"),
        ("---\n\nnodeops_genesis: 12\n", "all.yml:3: nodeops_genesis is not a SHA-256"),
        ("nodeops_manages: maker\n", "all.yml:1: nodeops_manages is not a list"),
    ],
)
def test_what_group_vars_says_to_nodeops_is_checked(tmp_path, capsys, choices, said):
    code, _, err = run(capsys, "document", "check", inventory(tmp_path, choices=choices))
    assert (code, said in err) == (2, True)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("host_vars/tel-1.yml", "nodeops_choices: {log_levle: info}\n", ":1: nodeops_choices.log_levle: unknown key"),
        (
            "group_vars/monitors.yml",
            "---\nnodeops_choices:\n  firewall: {operators: [abc]}\n",
            ":3: nodeops_choices.firewall.operators.0",
        ),
        ("group_vars/monitors/main.yaml", "nodeops_choices: 7\n", ":1: nodeops_choices: "),
        ("host_vars/tel-1/more.yml", "nodeops_choises: {}\n", ":1: unknown variable 'nodeops_choises'"),
        ("host_vars/tel-1.yml", "a: [\n", ":2: "),
    ],
)
def test_choices_of_single_hosts_and_groups_are_checked_too(tmp_path, capsys, file, text, said):
    folder = inventory(tmp_path)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)
    code, _, err = run(capsys, "document", "check", folder)
    assert (code, f"{file}{said}" in err) == (2, True), err


@pytest.mark.parametrize(
    "text",
    [
        "nodeops_choices: {log_level: debug}\n",
        'nodeops_choices: "{{ theirs | combine({}) }}"\n',
        "nodeops_choices: {firewall: {operators: '{{ theirs }}'}}\n",
        "ansible_port: 22\n",
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "",
    ],
)
def test_what_ansible_fills_in_and_what_is_not_ours_is_left(tmp_path, capsys, text):
    folder = inventory(tmp_path)
    (folder / "host_vars").mkdir()
    (folder / "host_vars/tel-1.yml").write_text(text)
    assert run(capsys, "document", "check", folder)[0] == 0


def test_a_thousand_members_are_a_thousand_rows_without_padding(tmp_path, capsys):
    nodes = "".join(
        f"  n-{number}: {{organisation: maker, duty: witness, address: 192.0.{number // 250}.{number % 250}}}\n"
        for number in range(1, 1000)
    )
    folder = inventory(tmp_path, with_change("nodes:\n", f"nodes:\n{nodes}"))
    _, out, _ = run(capsys, "document", "show", "mak-1", "-i", folder)
    rows = out.splitlines()
    assert sum(row.startswith("members.") for row in rows) == 999 + 5
    assert [row for row in rows if row != row.rstrip()] == []
    assert max(map(len, rows)) < 1000
