"""What a host answers as a fact is no variable: else one that was taken over could choose what all others are given."""

import json
from pathlib import Path

import pytest

from tests.contract.rules.tree import ROOT
from tests.tiers import slow
from tests.unit.plugins.test_playbooks import inventory, run, says

# Of a role's defaults, of group_vars, and of the inventory plugin.
WANTED = {"ledger_artifact": {"url": "https://evil.example"}, "nodeops_unagreed": True, "nodeops_inventory": "/evil"}
ANSWER = f"#!/usr/bin/python3\nprint({json.dumps({'changed': False, 'ansible_facts': WANTED})!r})\n"
DOCUMENT = {"ansible.builtin.import_tasks": str(ROOT / "playbooks/tasks/document.yml")}
SAID = "chosen: {{ [ledger_artifact | default({}), nodeops_unagreed | default(false), nodeops_inventory] | to_json }}"


@slow
@pytest.mark.parametrize("injected", ["false", "true"])
def test_no_host_chooses_variables_and_a_run_in_which_it_could_is_refused_first(tmp_path: Path, injected: str) -> None:
    folder = inventory(tmp_path)
    (folder / "taken_over.py").write_text(ANSWER)
    tasks = [{**DOCUMENT, "when": "asked | default(true) | bool"}, {"taken_over": {}}, says(SAID)]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "n-1", "gather_facts": False, "tasks": tasks}]))
    library = f"{ROOT}/plugins/modules:{folder}"
    done = run(folder, folder / "play.yml", ANSIBLE_LIBRARY=library, ANSIBLE_INJECT_FACT_VARS=injected)
    if injected == "true":
        assert done.returncode == 2
        assert "do: inject_facts_as_vars = false" in done.stdout
        assert "chosen:" not in done.stdout
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'chosen: [{{}}, false, "{folder}"]' in done.stdout.replace('\\"', '"')
    # As it would be without the refusal: this test can fail.
    open_to = run(folder, folder / "play.yml", "-e", "asked=false", ANSIBLE_LIBRARY=library, ANSIBLE_INJECT_FACT_VARS="true")
    assert 'true, "/evil"]' in open_to.stdout.replace('\\"', '"')


def test_the_checkouts_own_settings_say_so() -> None:
    assert "\ninject_facts_as_vars = false\n" in (ROOT / "ansible.cfg").read_text()
