"""Backups by the playbooks' own tasks: what a node answers of credential and keys harms no other; a check changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.rules.tree import ROOT
from tests.tiers import slow
from tests.unit.plugins.test_playbooks import Play, inventory, run, says

HONEST, OTHER = ("{SHA}" + letter * 27 + "=" for letter in "AB")
ODD = {
    "a line of another node": f"{HONEST}\nn-2:{OTHER}",
    "an end of line": f"{HONEST}\n",
    "a password": "n-2",
    "two digests": f"{HONEST}{OTHER}",
}


def tasks_of(path: str, module: str) -> list[dict[str, Any]]:
    """Return a role's tasks that use a module, as they are."""
    return [task for task in yaml.safe_load((ROOT / path).read_text()) if module in task]


def lets_in(shown: str) -> Play:
    """The role that lets nodes in, up to what it would write, with what n-1 shows of its credential."""
    members = [{"name": f"n-{number}", "organisation": "a", "address": f"192.0.2.{number}"} for number in (1, 2)]
    variables = {
        "node_document": {"repositories": {"n-1": {"organisation": "a"}}, "members": members},
        "repository_users": {"n-1": shown, "n-2": ""},
        "repository_sources": [],
    }
    tasks = [*tasks_of("roles/repository/tasks/main.yml", "ansible.builtin.assert"), says("lines {{ _repository_lines }}")]
    files = [str(ROOT / "roles/repository/vars/main.yml")]
    return {"hosts": "n-1", "gather_facts": False, "vars_files": files, "vars": variables, "tasks": tasks}


@slow
@pytest.mark.parametrize(("shown", "good"), [(HONEST, True), *((one, False) for one in ODD.values())], ids=["a digest", *ODD])
def test_a_node_is_let_in_by_a_digest_and_names_no_other_node(tmp_path: Path, shown: str, good: bool) -> None:
    folder = inventory(tmp_path)
    (folder / "play.json").write_text(yaml.safe_dump([lets_in(shown)]))
    done = run(folder, folder / "play.json")
    assert (done.returncode == 0, f"n-1:{HONEST}" in done.stdout) == (good, good), done.stdout + done.stderr
    assert good or "n-1: what it shows of its credential is no digest" in done.stdout + done.stderr


@slow
@pytest.mark.parametrize(
    ("path", "variable"),
    [
        ("roles/backup/tasks/install.yml", {"_backup_sealed": "{{ archive }}"}),
        ("playbooks/tasks/archive_keys.yml", {"__archive_keys": {"answer": {"archive": "{{ archive }}"}}}),
    ],
)
def test_an_archive_that_another_replaces_stays_beside_it(tmp_path: Path, path: str, variable: dict[str, Any]) -> None:
    """A host that was made anew answers with keys that are none of the node's: those are in the archive that was there."""
    folder, custody = inventory(tmp_path), tmp_path / "custody"
    custody.mkdir()
    play = {"hosts": "n-1", "gather_facts": False, "vars": variable, "tasks": tasks_of(path, "ansible.builtin.copy")}
    (folder / "play.json").write_text(yaml.safe_dump([{**play, "vars": {**variable, "nodeops_inventory": str(folder)}}]))
    for archive in ("the node's keys", "the node's keys", "others"):
        done = run(folder, folder / "play.json", "-e", f'{{"archive": "{archive}"}}')
        assert done.returncode == 0, done.stdout + done.stderr
    assert (custody / "n-1.age").read_text() == "others"
    assert [one.read_text() for one in custody.iterdir() if one.name != "n-1.age"] == ["the node's keys"]
    assert [one.name for one in custody.glob("*.age")] == ["n-1.age"]


@slow
@pytest.mark.parametrize(("words", "asked"), [((), "backup drill --json"), (("--check",), "backup drill --json --dry-run")])
def test_a_check_of_the_drill_prints_its_steps_and_drills_nothing(tmp_path: Path, words: tuple[str, ...], asked: str) -> None:
    folder, command = inventory(tmp_path), tmp_path / "nodeops"
    command.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\necho {json.dumps("{}")}\n')
    command.chmod(0o755)
    (play,) = yaml.safe_load((ROOT / "playbooks/drill.yml").read_text())
    tasks = [task for task in play["tasks"] if "nodeops_verb" in task]
    variables = {"node_document": {"paths": {"command": str(command)}}}
    (folder / "play.json").write_text(yaml.safe_dump([{**play, "become": False, "tasks": tasks, "vars": variables}]))
    done = run(folder, folder / "play.json", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted((folder / "asked").read_text().split()) == sorted(asked.split())
