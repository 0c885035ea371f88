"""An install killed with SIGKILL just before each of its steps: what was current still runs, and the next run completes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nodeops.agent import install
from tests.tiers import slow
from tests.unit.agent.small_trees import Host, Packed

Make = Callable[..., Packed]

KILLED = """
import os, signal, sys
from pathlib import Path
from nodeops.agent import install

os.sync = lambda: None
step, number, archive, sha256, root, command, digest = sys.argv[1:]
owner, name = (Path, step[5:]) if step.startswith("Path.") else (install, step)
real, calls = getattr(owner, name), []

def killed(*given, **named):
    calls.append(1)
    if len(calls) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **named)

setattr(owner, name, killed)
install.install(Path(archive), sha256, Path(root), Path(command), digest)
"""
# Each step of an update from three trees to a fourth, killed just before it happens.
STEPS = [
    ("unpack", 1),
    ("_unpack_member", 3),
    ("_compile", 1),
    ("_check_starts", 1),
    ("_put", 1),
    ("Path.rename", 1),
    ("switch", 1),
    ("Path.symlink_to", 1),
    ("Path.replace", 1),
    ("Path.symlink_to", 2),
    ("Path.replace", 2),
    ("surplus", 1),
    ("remove", 1),
    ("sync_folder", 3),
]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, make: Make) -> tuple[Path, list[Packed]]:
    """Return a folder with three installed trees, the last one current, to be copied."""
    host = Host(tmp_path_factory.mktemp("three") / "root", tmp_path_factory.mktemp("bin") / "nodeops")
    packed = [make(text) for text in ("one", "two", "three")]
    for age, each in enumerate(packed):
        host.install(each)
        os.utime(host.root / each.digest, (age, age))
    return host.root, packed


@pytest.mark.parametrize(
    ("step", "number"),
    [pytest.param(*each, id=f"{each[0]}-{each[1]}", marks=[slow] if index % 3 else []) for index, each in enumerate(STEPS)],
)
def test_an_install_killed_at_any_step_leaves_a_whole_tree_and_the_next_one_completes(
    step: str, number: int, three: tuple[Path, list[Packed]], host: Host, make: Make
) -> None:
    (old_root, packed), new = three, make("four")
    shutil.copytree(old_root, host.root, symlinks=True)
    install.point(host.command, str(host.root / "current" / "bin" / "nodeops"))
    argv = [step, str(number), str(new.path), new.sha256, str(host.root), str(host.command), new.digest]
    done = subprocess.run([sys.executable, "-c", KILLED, *argv], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    current = host.links[0]
    assert current in (packed[2].digest, new.digest)
    assert install.tree_digest(host.root / current)[:16] == current
    assert subprocess.run([host.command], capture_output=True, check=True).stdout in (b"three\n", b"four\n")
    host.install(new)
    assert host.links == (new.digest, packed[2].digest)
    assert host.names == {"current", "previous", packed[1].digest, packed[2].digest, new.digest}
    assert host.install(new)["changed"] is False
