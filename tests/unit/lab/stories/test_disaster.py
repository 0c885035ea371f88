"""What a disaster asks for before it begins, and that a plan touches nothing. A real one runs in make demo-disaster."""

import json
import shutil
from pathlib import Path

import pytest

from nodeops.cli import main
from nodeops.lab.stories.disaster import STEPS
from tests.contract.rules.tree import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("consortium.yml", "lab.yml"):
        shutil.copy(Path(ROOT) / "inventories/lab" / name, tmp_path)
    shutil.copytree(Path(ROOT) / "inventories/lab/group_vars", tmp_path / "group_vars")
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, dict[str, object]]:
    with pytest.raises(SystemExit) as left:
        main(["lab", "disaster", *words, "--inventory", str(folder), "--json"])
    return int(left.value.code or 0), json.loads(capsys.readouterr().out)


def test_a_host_that_is_no_validator_here_is_refused(folder, capsys):
    for name in ("nobody", "cu-repo"):
        code, said = asked(capsys, folder, name)
        assert (code, said["error"]["where"], "cu-1" in said["error"]["allowed"]) == (2, "NODE", True)


def test_a_lab_that_is_not_up_is_refused(folder, capsys):
    code, said = asked(capsys, folder, "cu-1")
    assert (code, said["error"]["what"]) == (3, "is not up")


def test_a_plan_says_every_step_and_does_none(folder, capsys):
    (folder / "ssh_config").touch()
    before = sorted(folder.rglob("*"))
    code, said = asked(capsys, folder, "--dry-run")
    assert (code, said["node"], [one["what"] for one in said["changes"]]) == (0, "cu-1", [f"cu-1: {step}" for step in STEPS])
    assert sorted(folder.rglob("*")) == before
