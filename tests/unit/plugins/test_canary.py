"""The canary's part of an upgrade, run for real with a stand-in for the agent: also where the run has no other validator."""

import json
from pathlib import Path

import pytest

from tests.tiers import slow
from tests.unit.plugins.test_playbooks import CONSORTIUM, WITNESSES, inventory, run

# Notes what it was asked, and answers as the host of each test does.
AGENT = """\
#!/bin/sh
echo "$2" >> {folder}/asked
cat {folder}/$2.json
"""
UNSEEN = "mixed versions were not seen through another round"
CASES = {
    "the only validator of the run": ([], 0, "", ["watch"], f"{UNSEEN}: no validator of the former version is in this run"),
    "another one steps aside": (["n-2"], 0, "", ["watch", "step-aside", "watch"], ""),
    "the gate does not let it": (["n-2"], 0, "3 needed", ["watch", "step-aside"], f"{UNSEEN}: 3 needed"),
    "the chain needed a round by itself": (["n-2"], 1, "", ["watch"], ""),
}


@slow
@pytest.mark.parametrize(("aside", "rounds", "refused", "asked", "said"), CASES.values(), ids=CASES)
def test_a_canary_is_watched_and_never_fails_for_want_of_another_validator(
    tmp_path: Path, aside: list[str], rounds: int, refused: str, asked: list[str], said: str
) -> None:
    folder = inventory(tmp_path)
    (folder / "consortium.yml").write_text(CONSORTIUM + WITNESSES)
    agent = folder / "agent"
    agent.write_text(AGENT.format(folder=folder))
    agent.chmod(0o755)
    (folder / "watch.json").write_text(json.dumps({"other_rounds": rounds, "own": 1}))
    (folder / "step-aside.json").write_text(json.dumps({"refused": refused}))
    variables = {
        "node_document": {"paths": {"command": str(agent)}},
        "__lifecycle_turns": {"order": ["n-1"], "canary": "n-1", "aside": aside},
    }
    role = {"ansible.builtin.include_role": {"name": "lifecycle", "tasks_from": "canary", "rolespec_validate": False}}
    (folder / "play.yml").write_text(json.dumps([{"hosts": "n-1", "gather_facts": False, "vars": variables, "tasks": [role]}]))
    done = run(folder, folder / "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "asked").read_text().split() == asked
    assert (UNSEEN in done.stdout, said in " ".join(done.stdout.split())) == (bool(said), True)
