"""Nothing grows beyond what fits into a head."""

import pytest

from tests.contract.rules import sizes
from tests.contract.rules.tree import assert_kept

RULES = [sizes.long_functions, sizes.long_files, sizes.crowded_folders, sizes.big_roles, sizes.catch_all_files]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule):
    assert_kept(rule)


def a_function(lines: int) -> str:
    return "def f():\n" + "    pass\n" * (lines - 1)


@pytest.mark.parametrize(("lines", "breaches"), [(50, 0), (51, 1)])
def test_long_functions_are_found(plant, lines, breaches):
    assert len(list(sizes.long_functions(plant({"nodeops/a.py": a_function(lines)})))) == breaches


FILES = {
    "module": ("nodeops/a.py", 300),
    "tasks": ("roles/x/tasks/main.yml", 300),
    "template": ("roles/x/templates/a.j2", 300),
    "README of a role": ("roles/x/README.md", 60),
    "scenario": ("molecule/x/molecule.yml", 60),
    "playbook": ("playbooks/x.yml", 60),
    "top playbook": ("site.yml", 60),
    "Makefile": ("Makefile", 300),
}


@pytest.mark.parametrize(("name", "cap"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("over", [0, 1])
def test_long_files_are_found(plant, name, cap, over):
    assert len(list(sizes.long_files(plant({name: "#\n" * (cap + over)})))) == over


@pytest.mark.parametrize(("count", "breaches"), [(20, 0), (21, 1)])
def test_crowded_folders_are_found(plant, count, breaches):
    files = {f"nodeops/hall/m{number}.py": "" for number in range(count)}
    root = plant({"nodeops/hall/__init__.py": "", "nodeops/hall/room/a.py": "", **files})
    assert len(list(sizes.crowded_folders(root))) == breaches


@pytest.mark.parametrize(("count", "breaches"), [(15, 0), (16, 1)])
def test_roles_with_many_tasks_are_found(plant, count, breaches):
    one = "- name: x\n  ping:\n"
    block = f"- name: together\n  block:\n{''.join('  ' + line for line in (one * 5).splitlines(keepends=True))}"
    root = plant({"roles/x/tasks/main.yml": one * (count - 10) + block, "roles/x/tasks/more.yml": one * 5})
    assert len(list(sizes.big_roles(root))) == breaches


@pytest.mark.parametrize(("count", "breaches"), [(12, 0), (13, 1)])
def test_roles_with_many_variables_are_found(plant, count, breaches):
    root = plant({"roles/x/defaults/main.yml": "".join(f"x_{number}: 1\n" for number in range(count))})
    assert len(list(sizes.big_roles(root))) == breaches


def test_names_that_say_nothing_are_found(plant):
    assert (
        len(list(sizes.catch_all_files(plant({"nodeops/utils.py": "", "roles/x/tasks/common.yml": "", "nodeops/a.py": ""})))) == 2
    )
