"""Two controllers begin with the same fresh host at the same moment: one of them makes its chain, the other is told so."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.lab.conftest import ENVIRONMENT, LAB_SECONDS, ROOT, LabHosts

# All that the second may be told: another run holds the host, or has founded the chain.
SECOND = (
    "is at work here",
    "still on trial",
    "Did another controller make this host meanwhile?",
    "holds another genesis",
    "the chain was founded before",
)


def begun(folder: Path) -> "subprocess.Popen[str]":
    words = ["ansible-playbook", "-i", str(folder / "consortium.yml"), "site.yml", "--skip-tags", "hardening"]
    none, pipe = subprocess.DEVNULL, subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stdin=none, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def test_a_host_has_one_genesis_whoever_made_it(lab_of: Callable[..., LabHosts], tmp_path: Path) -> None:
    lab = lab_of("two", "172.30.96", ("debian13",))
    folders = [lab.inventory, shutil.copytree(lab.inventory, tmp_path / "second")]
    runs = [begun(folder) for folder in folders]
    said = [run.communicate(timeout=2 * LAB_SECONDS)[0] for run in runs]
    for run, text in zip(runs, said, strict=True):
        assert run.returncode == 0 or any(words in text for words in SECOND), text[-6000:]
        assert "Traceback" not in text, text[-6000:]
    there = lab.ssh("t-1", "sudo cat /var/lib/ledger/config/genesis.json").stdout
    for run, folder in zip(runs, folders, strict=True):
        assert run.returncode or (folder / "genesis.json").read_text(encoding="utf-8") == there
        # What the message says is done.
        (folder / "genesis.json").write_text(there, encoding="utf-8")
    again = begun(folders[runs[0].returncode == 0])
    text = again.communicate(timeout=LAB_SECONDS)[0]
    assert again.returncode == 0, text[-6000:]
    assert lab.ssh("t-1", "sudo nodeops status").returncode == 0
