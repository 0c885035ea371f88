"""A login shell that prints, as a `.bashrc` with `echo` does: over SSH a verb still answers."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest

from tests.unit.fleet.ssh_server import World
from tests.unit.plugins.test_playbooks import inventory, run, verb

GREETINGS = {
    "a line in brackets": "[ok] all is well\n",
    "no line end": "Welcome! ",
    "an object": '{"motd": "patched on Sunday"}\n',
}


def shell(greeting: str):
    """Return a real shell that greets first."""

    def greeted(command: str, channel: paramiko.Channel) -> int:
        channel.sendall(greeting.encode())
        done = subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        return done.returncode

    return greeted


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_verb_answers_behind_what_the_shell_prints(world, tmp_path, greeting):
    world.server("n-1", shell(greeting))
    folder = inventory(tmp_path)
    options = f"-F {world.config} -o ControlMaster=no -o ControlPath=none"
    (folder / "group_vars/all.yml").write_text(
        f"nodeops_manages: [a]\nansible_become: false\nansible_ssh_common_args: {options}\n"
    )
    task = verb(folder, "said", json.dumps({"findings": [], "changed": False, "word": "fine"}), 0)
    told = {"ansible.builtin.debug": {"msg": "word {{ said.answer.word | default(said.msg) }}"}}
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([{"hosts": "n-1", "gather_facts": False, "tasks": [task, told]}]))
    done = run(folder, playbook)
    assert "word fine" in " ".join(done.stdout.split()), done.stdout + done.stderr
