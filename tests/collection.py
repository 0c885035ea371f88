"""The repository as an Ansible collection: built, installed where nothing is, and used by playbooks of someone else."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_BIN = Path(sys.executable).parent
_SECONDS = 600
# Someone else's ansible.cfg: nothing of ours but what docs/collection.md asks for.
_CONFIGURATION = (
    "[defaults]\ncollections_path = {installed}\ninject_facts_as_vars = false\n"
    "[inventory]\nenable_plugins = nodeops.nodeops.consortium\n"
)


def run(
    *words: str | Path, cwd: Path, environment: Mapping[str, str] | None = None, seconds: int = _SECONDS
) -> subprocess.CompletedProcess[str]:
    """Return a finished command of this Python's environment; nothing of the checkout's settings reaches it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    ours |= {"PATH": f"{_BIN}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1", "HOME": str(cwd), **(environment or {})}
    argv = [str(word) for word in words]
    return subprocess.run(argv, cwd=cwd, env=ours, capture_output=True, text=True, timeout=seconds, check=False)


def build(source: Path, into: Path) -> Path:
    """Return the archive of the collection, built from a source tree into a folder without another."""
    into.mkdir(exist_ok=True)
    done = run("ansible-galaxy", "collection", "build", source, "--output-path", into, cwd=into)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = into.glob("*.tar.gz")
    return archive


def install(archive: Path, place: Path) -> Path:
    """Install an archive for playbooks in an empty folder that know nothing of this repository; return where it is."""
    installed = place / "installed"
    done = run("ansible-galaxy", "collection", "install", archive, "-p", installed, "--offline", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    (place / "ansible.cfg").write_text(_CONFIGURATION.format(installed=installed), encoding="utf-8")
    return installed / "ansible_collections/nodeops/nodeops"
