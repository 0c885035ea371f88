import json
import subprocess
from dataclasses import replace

import pytest

from nodeops.core.errors import HostError
from nodeops.lab.engine import engine
from nodeops.lab.engine.engine import EngineHome, our_process, start_detached
from nodeops.lab.engine.engine_choice import EngineSeen, Move, next_move

ROOT = EngineSeen(root=True, debian_like=True, why_not="no socket")
INSTALLED = replace(ROOT, installed=True)

MOVES = [
    (EngineSeen(answers=True), Move.USE),
    (ROOT, Move.INSTALL),
    (INSTALLED, Move.START_DETACHED),
    (replace(INSTALLED, just_installed=True, systemd=True), Move.START_SERVICE),
    (replace(INSTALLED, just_installed=True, alive=True), Move.WAIT),
    (replace(INSTALLED, alive=True, ours=True), Move.WAIT),
]
REFUSALS = [
    (replace(INSTALLED, named=True), "DOCKER_HOST"),
    (replace(INSTALLED, denied=True), "group docker"),
    (replace(INSTALLED, alive=True), "runs, but does not answer"),
    (replace(INSTALLED, systemd=True), "systemctl start docker"),
    (replace(INSTALLED, root=False), "as root"),
    (replace(ROOT, debian_like=False), "install Docker"),
    (replace(ROOT, root=False), "as root"),
]


@pytest.mark.parametrize(("seen", "move"), MOVES)
def test_the_next_move(seen, move):
    assert next_move(seen) is move


@pytest.mark.parametrize(("seen", "said"), REFUSALS)
def test_what_is_not_ours_to_do_is_said(seen, said):
    with pytest.raises(HostError) as caught:
        next_move(seen)
    assert said in str(caught.value)


@pytest.fixture
def process():
    with subprocess.Popen(["sleep", "600"]) as running:
        yield running
        running.kill()


def record(home: EngineHome, content: object) -> None:
    home.record.write_text(content if isinstance(content, str) else json.dumps(content))


def test_an_engine_is_ours_by_its_process_and_start_time(tmp_path, process):
    home = EngineHome(tmp_path)
    started = engine._started(process.pid)
    record(home, {"pid": process.pid, "started": started})
    assert our_process(home) == process.pid
    record(home, {"pid": process.pid, "started": started - 1})
    assert our_process(home) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", {"pid": "x", "started": 1}, {"pid": 2**22 + 1, "started": 1}])
def test_a_stale_or_broken_record_is_nobodys_engine(tmp_path, content):
    home = EngineHome(tmp_path)
    record(home, content)
    assert our_process(home) is None


def test_a_dead_process_is_not_ours(tmp_path, process):
    home = EngineHome(tmp_path)
    record(home, {"pid": process.pid, "started": engine._started(process.pid)})
    process.kill()
    process.wait()
    assert our_process(home) is None


def test_an_engine_that_dies_at_once_is_explained_by_its_log(tmp_path):
    home = EngineHome(tmp_path / "state", ("sh", "-c", "echo no cgroups here >&2; exit 1"), f"unix://{tmp_path}/none.sock")
    with pytest.raises(HostError, match="no cgroups here"):
        start_detached(home)
    assert not home.record.exists()
