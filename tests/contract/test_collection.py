"""The collection: what is in its archive, and that someone else's playbook can use it. No hosts, no network."""

import hashlib
import json
import shutil
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path

import pytest

from tests import collection
from tests.contract.rules.tree import ROOT, ours, yaml
from tests.tiers import slow

FOLDERS = ("meta", "nodeops", "playbooks", "plugins", "roles")
NODE = "n1"
CONSORTIUM = {
    "consortium": "elsewhere",
    "revision": 1,
    "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "elsewhere-1"},
    "organisations": {"theirs": {}},
    "nodes": {NODE: {"organisation": "theirs", "duty": "validator", "power": 1, "address": "192.0.2.11"}},
}
# A role of the collection by its full name; the binary is any program, which `file` takes by its sum.
PLAYBOOK = """
- hosts: nodes
  connection: local
  gather_facts: false
  tasks:
    - nodeops.nodeops.nodeops_document:
        inventory: "{{ nodeops_inventory }}"
        node: "{{ inventory_hostname }}"
        choices: {firewall: {operators: [192.0.2.0/24]}}
      register: resolved
    - nodeops.nodeops.nodeops_observe:
      register: host_observed
    - ansible.builtin.import_role:
        name: nodeops.nodeops.ledger
        tasks_from: prepare
      vars:
        node_document: "{{ resolved.document }}"
        ledger_artifact: {source: file, path: "{{ program }}", sha256: "{{ sum }}"}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection.build(ROOT, tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def elsewhere(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an inventory and the installed collection, and nothing else of ours."""
    place = tmp_path_factory.mktemp("elsewhere")
    collection.install(archive, place)
    (place / "group_vars").mkdir()
    (place / "group_vars/all.yml").write_text("nodeops_manages: [theirs]\n", encoding="utf-8")
    (place / "consortium.yml").write_text(json.dumps(CONSORTIUM), encoding="utf-8")
    return place


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return {member.name for member in tar if not member.isdir()}


@slow
def test_the_archive_holds_the_plugins_roles_and_package_of_the_checkout_and_nothing_that_git_does_not_know(archive):
    known = {str(path.relative_to(ROOT)) for path in ours(ROOT)}
    held = names(archive) - {"MANIFEST.json", "FILES.json"}
    assert held <= known
    assert {name for name in known if name.split("/")[0] in FOLDERS} <= held


@slow
def test_what_lies_beside_it_stays_out(tmp_path):
    tree, out, again = (tmp_path / name for name in ("tree", "out", "again"))
    for name in ("galaxy.yml", "README.md", "meta/runtime.yml", "plugins/modules/nodeops_verb.py"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    wanted = names(collection.build(tree, out))
    private = ("mine/consortium.yml", "mine/group_vars/all.yml", "inventories/lab/.lab/id_ed25519", "inventories/lab/lab.yml")
    caches = (".venv/lib/x.py", "build/lab/a/consortium.yml", "plugins/modules/__pycache__/x.pyc", "roles/host/vault.key", ".env")
    for name in (*private, *caches):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("secret", encoding="utf-8")
    assert names(collection.build(tree, again)) == wanted


@slow
def test_a_playbook_of_someone_else_runs_a_role_by_its_full_name(elsewhere):
    program = Path(sys.executable).resolve()
    given = {"program": str(program), "sum": hashlib.sha256(program.read_bytes()).hexdigest()}
    (elsewhere / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    package = elsewhere / "installed/ansible_collections/nodeops/nodeops"
    words = ("ansible-playbook", "-i", "consortium.yml", "play.yml", "-e", json.dumps(given))
    environment = {"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(elsewhere / "cache")}
    done = collection.run(*words, cwd=elsewhere, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(elsewhere.glob("cache/nodeops/artifacts/cometbft/*/*/cometbft"))


@slow
def test_without_the_python_package_the_command_that_brings_it_is_named(elsewhere):
    """A Python that has Ansible and not nodeops: paths are inherited, what an editable install adds is not."""
    bare = elsewhere / "bare"
    venv.create(bare)
    inherited = bare / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages/inherited.pth"
    inherited.write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    done = collection.run(bare / "bin/python", "-m", "ansible", "inventory", "-i", "consortium.yml", "--list", cwd=elsewhere)
    assert done.returncode != 0
    assert f"pip install --editable '{elsewhere}/installed/ansible_collections/nodeops/nodeops[operator]'" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@slow
def test_every_action_and_module_has_its_page(elsewhere):
    package = elsewhere / "installed/ansible_collections/nodeops/nodeops"
    done = collection.run("ansible-doc", "--list", "--json", "nodeops.nodeops", cwd=elsewhere)
    written = {name.rpartition(".")[2] for name in json.loads(done.stdout)}
    assert written == {path.stem for kind in ("action", "modules") for path in package.glob(f"plugins/{kind}/*.py")}


def test_collection_and_package_have_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert yaml(ROOT / "galaxy.yml")["version"] == project["version"]
