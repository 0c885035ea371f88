"""The digest that decides about restarts: what the process reads, and nothing else. The role's own templates are rendered."""

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodeops.document.load import load_consortium
from nodeops.document.resolve import resolve
from tests.contract.rules.tree import ROOT
from tests.tiers import slow

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [vars/main.yml]
  tasks:
    - ansible.builtin.debug:
        msg: "[{{ item.name }}] {{ _ledger_configuration }}"
      loop: "{{ cases }}"
      loop_control: {label: "{{ item.name }}"}
      vars:
        node_document: "{{ item.document }}"
        __ledger_members: {genesis: "{{ item.genesis }}", peers: {cu-2: "{{ 'a' * 40 }}"}}
        __ledger_prepared: {ledger: {x86_64: {sha256: "{{ item.sha256 }}", path: /x}}}
        host_observed: {observed: {architecture: x86_64}}
"""
Edit = Callable[[dict[str, Any]], None]
pytestmark = slow


def at(*path: str, to: Any) -> Edit:
    """Return an edit of one place of a case."""

    def edit(case: dict[str, Any]) -> None:
        place: Any = case
        for key in path[:-1]:
            place = place[key]
        assert place[path[-1]] != to
        place[path[-1]] = to

    return edit


READ = {
    "log level": at("document", "ledger", "log_level", to="error"),
    "block time": at("document", "ledger", "block_seconds", to=3.5),
    "version": at("document", "ledger", "version", to="v0.38.26"),
    "data": at("document", "ledger", "paths", "data", to="/elsewhere"),
    "user": at("document", "ledger", "user", to="other"),
    "binary": at("sha256", to="1" * 64),
    "genesis": at("genesis", to="{}"),
}
NOT_READ = {
    "how the log is read": at("document", "ledger", "log", "line", to="^other$"),
    "known levels": at("document", "ledger", "log_levels", to=["info"]),
    "why a port": at("document", "ledger", "ports", "p2p", "why", to="another reason"),
    "disk choices": at("document", "limits", "disk", "ballast_bytes", to=1),
    "revision": at("document", "revision", to=99),
    "site": at("document", "node", "site", to="elsewhere"),
}


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("digests")
    for part in ("vars", "templates"):
        shutil.copytree(ROOT / "roles/ledger" / part, folder / part)
    document = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {}).model_dump(mode="json")
    same: dict[str, Any] = {"document": document, "genesis": '{"chain_id": "x"}', "sha256": "0" * 64}
    edits: dict[str, Edit] = {"same": lambda _: None, **READ, **NOT_READ}
    cases = []
    for name, edit in edits.items():
        case = copy.deepcopy({**same, "name": name})
        edit(case)
        cases.append(case)
    (folder / "play.yml").write_text(PLAY)
    (folder / "cases.json").write_text(json.dumps({"cases": cases}))
    words = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "play.yml", "-e", "@cases.json"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(re.findall(r"\[([a-z ]+)\] ([0-9a-f]{64})\b", done.stdout))


@pytest.mark.parametrize("name", READ)
def test_what_the_process_reads_restarts_it(digests: dict[str, str], name: str) -> None:
    assert digests[name] != digests["same"]


@pytest.mark.parametrize("name", NOT_READ)
def test_what_it_does_not_read_restarts_nothing(digests: dict[str, str], name: str) -> None:
    assert digests[name] == digests["same"]
