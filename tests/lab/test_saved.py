"""A lab that is saved, loaded, and killed in the middle of both. The tests are steps of one story, in the order they stand."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import docker
import pytest

from tests.lab.conftest import ENVIRONMENT, ROOT, LabHosts, command, own

SAVE, DISK = "t-saved", "/var/lib/ledger"
MIB = 1 << 20
# An engine would write it into the image as zeros: a disk that nobody packed could not be overlooked.
DISK_BYTES = 6 << 30
PATIENCE_SECONDS = 300.0


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    connected = docker.from_env()
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def lab(inventory_of: Callable[..., LabHosts]) -> Iterator[LabHosts]:
    made = inventory_of("t-saved", "172.30.93")
    file = made.inventory / "lab.yml"
    content = json.loads(file.read_text())
    content["hosts"]["t-1"]["filesystems"] = {DISK: "6G"}
    file.write_text(json.dumps(content))
    made.answer("lab", "up")
    yield made
    made.answer("lab", "down")
    command("nodeops", "lab", "forget", SAVE)


def on(lab: LabHosts, node: str, line: str) -> str:
    done = lab.ssh(node, line)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def machine_ids(lab: LabHosts) -> list[str]:
    return [on(lab, node, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub") for node in lab.nodes]


def saves() -> list[dict[str, object]]:
    answer = json.loads(command("nodeops", "lab", "saved", "--json").stdout)["saves"]
    return [one for one in answer if one["save"] == SAVE]


def kill_when(lab: LabHosts, verb: str, holds: Callable[[], object]) -> None:
    """Start a verb and kill it as soon as something holds."""
    words = ["nodeops", "lab", verb, SAVE, "--inventory", str(lab.inventory)]
    process = subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "what was waited for never was"
        time.sleep(0.02)
    process.kill()
    process.wait()


def hosts_that(client: docker.DockerClient, lab: LabHosts, state: str) -> int:
    label = {"label": f"nodeops.lab={lab.name}", "status": state}
    return len(client.api.containers(all=True, filters=label))


@pytest.fixture(scope="module")
def before(lab: LabHosts) -> list[str]:
    on(lab, "t-1", f"echo on a disk | sudo tee {DISK}/kept; echo beside it | sudo tee /var/kept; sudo fallocate -l 40M /var/full")
    (lab.inventory / "identities").mkdir()
    for node in lab.nodes:
        (lab.inventory / f"identities/{node}.yml").write_text(f"name: {node}\n")
    (lab.inventory / "genesis.json").write_text("{}\n")
    return machine_ids(lab)


def test_a_save_takes_little_room_and_the_lab_goes_on(lab, before):
    planned = lab.answer("lab", "save", SAVE, "--dry-run")["changes"]
    assert saves() == []
    answer = lab.answer("lab", "save", SAVE)
    assert own(answer["changes"]) == own(planned)
    assert 0 < answer["bytes"] < 200 * MIB
    assert machine_ids(lab) == before
    assert on(lab, "t-1", f"cat {DISK}/kept") == "on a disk"
    assert [(one["lab"], one["hosts"], one["complete"]) for one in saves()] == [(lab.name, list(lab.nodes), True)]


def test_a_save_that_is_killed_leaves_the_old_one_and_the_next_replaces_both(lab, before, client):
    (old,) = saves()
    kill_when(lab, "save", lambda: hosts_that(client, lab, "exited"))
    assert old in saves()
    kill_when(lab, "save", lambda: hosts_that(client, lab, "exited") == len(lab.nodes) or len(saves()) > 1)
    assert old in saves()
    lab.answer("lab", "save", SAVE)
    (new,) = saves()
    assert (new["complete"], new != old) == (True, True)
    assert on(lab, "t-1", f"cat {DISK}/kept /var/kept") == "on a disk\nbeside it"


def test_load_brings_everything_back(lab, before):
    refused = lab.nodeops("lab", "load", SAVE)
    assert (refused.returncode, "is there already: t-1, t-2" in refused.stderr) == (4, True)
    lab.answer("lab", "down")
    planned = lab.answer("lab", "load", SAVE, "--dry-run")["changes"]
    assert own(lab.answer("lab", "load", SAVE)["changes"]) == own(planned)
    assert machine_ids(lab) == before
    assert on(lab, "t-1", f"cat {DISK}/kept /var/kept") == "on a disk\nbeside it"
    assert int(on(lab, "t-1", f"stat -f -c %b {DISK}")) * 4096 > DISK_BYTES * 0.9
    assert (lab.inventory / "identities/t-2.yml").read_text() == "name: t-2\n"
    assert (lab.inventory / "genesis.json").read_text() == "{}\n"
    assert own(lab.answer("lab", "up")["changes"]) == []
    assert own(lab.answer("lab", "load", SAVE)["changes"]) == []
    refused = command("nodeops", "lab", "forget", SAVE)
    assert (refused.returncode, f"lab {lab.name} was loaded from it" in refused.stderr) == (4, True)


def test_a_load_that_is_killed_is_completed_and_never_mixed_with_new_hosts(lab, before, client):
    lab.answer("lab", "down")
    kill_when(lab, "load", lambda: hosts_that(client, lab, "created") or hosts_that(client, lab, "running"))
    # Whatever the killed call got done, one host is missing now.
    for late in client.containers.list(all=True, filters={"label": [f"nodeops.lab={lab.name}", "nodeops.node=t-2"]}):
        late.remove(force=True)
    refused = lab.nodeops("lab", "up", "--recreate")
    assert (refused.returncode, "loaded by half" in refused.stderr) == (4, True)
    lab.answer("lab", "load", SAVE)
    assert machine_ids(lab) == before


def test_what_changed_since_is_named_and_refused_unless_asked_for(lab):
    lab.answer("lab", "down")
    file = lab.inventory / "consortium.yml"
    kept = file.read_text()
    file.write_text(kept.replace('"revision": 1', '"revision": 2'))
    try:
        refused = lab.nodeops("lab", "load", SAVE)
        assert (refused.returncode, "consortium.yml and lab.yml changed since" in refused.stderr) == (4, True)
        assert lab.answer("lab", "load", SAVE, "--any", "--dry-run")["changes"]
    finally:
        file.write_text(kept)


@pytest.mark.parametrize(("words", "code"), [(("load", "nobody"), 2), (("save", "../x"), 2), (("save", SAVE), 3)])
def test_what_cannot_be_is_said(lab, words, code):
    done = lab.nodeops("lab", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_forget_leaves_nothing(lab, client):
    assert command("nodeops", "lab", "forget", SAVE).returncode == 0
    assert saves() == []
    assert not [
        tag for image in client.api.images() for tag in image["RepoTags"] or [] if tag.startswith(f"nodeops-lab-saved:{SAVE}-")
    ]
