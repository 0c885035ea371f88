"""Two controllers begin with the same fresh host at the same moment: nothing is half done."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.lab.conftest import ENVIRONMENT, LAB_SECONDS, ROOT, LabHosts

# What a controller may be told that comes second; everything else has to work all the same.
SECOND_WORDS = ("is at work here", "another run", "holds")


def begun(folder: Path) -> subprocess.Popen[str]:
    words = ["ansible-playbook", "-i", str(folder / "consortium.yml"), "site.yml"]
    environment = {**ENVIRONMENT, "ANSIBLE_LOCAL_TEMP": str(folder / "ansible")}
    return subprocess.Popen(
        words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_both_make_the_host_whole(lab_of: Callable[..., LabHosts], tmp_path: Path) -> None:
    lab = lab_of("two", "172.30.96", ("debian13",))
    second = shutil.copytree(lab.inventory, tmp_path / "second")
    runs = [begun(lab.inventory), begun(second)]
    said = [run.communicate(timeout=2 * LAB_SECONDS)[0] for run in runs]
    for run, text in zip(runs, said, strict=True):
        assert run.returncode == 0 or any(words in text for words in SECOND_WORDS), text[-6000:]
        assert "Traceback" not in text, text[-6000:]
    assert 0 in [run.returncode for run in runs], said[0][-4000:] + said[1][-4000:]
    for folder in (lab.inventory, second):
        again = begun(folder)
        text = again.communicate(timeout=LAB_SECONDS)[0]
        assert (again.returncode, "changed=0" in text) == (0, True), text[-6000:]
    assert lab.ssh("t-1", "sudo nodeops status").returncode == 0
