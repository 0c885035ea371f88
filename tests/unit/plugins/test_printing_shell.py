"""A login shell that prints, as a `.bashrc` with `echo` does: over SSH a verb still answers."""

import json
import subprocess
from contextlib import ExitStack

import paramiko
import pytest

from tests.tiers import slow
from tests.unit.fleet.ssh_server import World
from tests.unit.plugins.test_playbooks import CONSORTIUM, WITNESSES, inventory, run, verb

# Of a host each.
GREETINGS = {
    "a line in brackets": ("n-1", "[ok] all is well\n"),
    "no line end": ("n-2", "Welcome! "),
    "an object": ("n-3", '{"motd": "patched on Sunday"}\n'),
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


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what one run prints in which every host greets in its own way."""
    place = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        world = World(place, stack)
        for host, greeting in GREETINGS.values():
            world.server(host, shell(greeting))
        folder = inventory(place)
        (folder / "consortium.yml").write_text(CONSORTIUM + WITNESSES)
        options = f"-F {world.config} -o ControlMaster=no -o ControlPath=none"
        (folder / "group_vars/all.yml").write_text(
            f"nodeops_manages: [a]\nansible_become: false\nansible_ssh_common_args: {options}\n"
        )
        task = verb(folder, "said", json.dumps({"findings": [], "changed": False, "word": "fine"}), 0)
        told = {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }} word {{ said.answer.word | default(said.msg) }}"}}
        playbook = folder / "play.yml"
        hosts = [host for host, _ in GREETINGS.values()]
        playbook.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "tasks": [task, told]}]))
        done = run(folder, playbook)
    return " ".join((done.stdout + done.stderr).split())


@slow
@pytest.mark.parametrize("host", [host for host, _ in GREETINGS.values()], ids=GREETINGS)
def test_a_verb_answers_behind_what_the_shell_prints(printed: str, host: str) -> None:
    assert f"{host} word fine" in printed, printed
