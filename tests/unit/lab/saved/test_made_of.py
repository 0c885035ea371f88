from pathlib import Path

import pytest

from nodeops.lab.saved.made_of import PROJECT, made_of
from nodeops.lab.saved.state import IMAGE, INVENTORY, TREE
from nodeops.lab.spec import HostSpec, Lab, load_lab

TAGS = {"debian12": "nodeops-lab:debian12-aa"}


@pytest.fixture
def project(tmp_path):
    for name in ("project/roles/a.yml", "project/nodeops/lab/b.py", "project/site.yml", "inventory/consortium.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "project"


def lab(project: Path, name: str = "one", address: str = "172.30.91.11") -> Lab:
    return Lab(name, project.parent / "inventory", "172.30.91.0/24", (HostSpec("n1", address, "debian12"),))


@pytest.mark.parametrize(
    ("file", "differing", "other_choices"),
    [
        ("project/roles/a.yml", [TREE], False),
        ("project/roles/new.yml", [TREE], False),
        ("project/site.yml", [TREE], False),
        ("project/nodeops/lab/b.py", [], False),
        ("project/roles/__pycache__/a.pyc", [], False),
        ("project/README.md", [], False),
        ("inventory/consortium.yml", [INVENTORY], False),
        ("inventory/group_vars/all.yml", [], True),
        ("inventory/identities/n1.yml", [], False),
    ],
)
def test_what_counts(project, file, differing, other_choices):
    before = made_of(lab(project), TAGS, "s1", project)
    path = project.parent / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("changed")
    after = made_of(lab(project), TAGS, "s1", project)
    assert (after.differing(before), after.choices != before.choices) == (differing, other_choices)


def test_addresses_and_images_count_and_the_name_of_the_lab_does_not(project):
    before = made_of(lab(project), TAGS, "s1", project)
    assert made_of(lab(project, name="two"), TAGS, "s1", project) == before
    assert made_of(lab(project, address="172.30.91.12"), TAGS, "s1", project).differing(before) == [INVENTORY]
    assert made_of(lab(project), TAGS, "s2", project).differing(before) == [IMAGE]
    assert made_of(lab(project), {"debian12": "x"}, "s1", project).differing(before) == [IMAGE]


def test_the_project_is_the_one_that_is_run():
    assert (PROJECT / "site.yml").is_file()


def test_scenarios_that_load_what_another_saved_are_made_of_the_same():
    loading = {path.parent.name for path in PROJECT.glob("molecule/*/molecule.yml") if "shared/load.yml" in path.read_text()}
    tags = {"debian12": "a", "debian13": "b"}
    parts = {name: made_of(load_lab(PROJECT / "molecule" / name), tags, "s1").parts for name in ("ledger", *loading)}
    assert loading
    assert [name for name, found in parts.items() if found != parts["ledger"]] == []
