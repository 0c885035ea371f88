"""The lab itself, on a real engine: what `up` promises, what survives, what is refused, and that `down` leaves nothing."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from nodeops.lab.down import engine_step
from nodeops.lab.engine.engine import EngineHome, is_idle, our_process, start_detached, stop_if_ours
from nodeops.lab.state import Act
from tests.lab.conftest import LabHosts, command, own
from tests.tiers import some

MIB = 1 << 20
DISK = "/var/log/ledger"


def with_disk(lab: LabHosts, size: str) -> None:
    """Give the first host a filesystem of its own."""
    file = lab.inventory / "lab.yml"
    content = json.loads(file.read_text())
    content["hosts"][lab.nodes[0]]["filesystems"] = {DISK: size}
    file.write_text(json.dumps(content))


def said(lab: LabHosts, node: str, line: str) -> str:
    done = lab.ssh(node, line)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loops(lab: LabHosts) -> list[str]:
    """Return the backing files of this machine's loop devices that belong to a lab."""
    found = [file.read_text().strip() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    return [name for name in found if f"/{lab.name}." in name]


def on_engine(client: docker.DockerClient, lab: LabHosts) -> list[str]:
    label = {"label": f"nodeops.lab={lab.name}"}
    made = [*client.containers.list(all=True, filters=label), *client.networks.list(filters=label)]
    return sorted(thing.name for thing in made)


def files(lab: LabHosts) -> list[str]:
    return sorted(str(path.relative_to(lab.inventory)) for path in lab.inventory.rglob("*"))


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    connected = docker.from_env()
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def first_up() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def lab(inventory_of: Callable[..., LabHosts], first_up: dict[str, Any]) -> LabHosts:
    made = inventory_of("t-lab-a", "172.30.91")
    with_disk(made, "256M")
    first_up.update(made.answer("lab", "up"))
    return made


def test_up_makes_hosts_that_are_like_real_ones(lab, first_up):
    assert first_up["changed"]
    assert [(host["release"], host["state"]) for host in first_up["hosts"]] == [("debian12", "running"), ("debian13", "running")]
    for node, suite in zip(lab.nodes, ("bookworm", "trixie"), strict=True):
        assert said(lab, node, ". /etc/os-release; echo $VERSION_CODENAME") == suite
        assert said(lab, node, "hostname; systemctl is-system-running; sudo id -un") == f"{node}\nrunning\nroot"
        assert lab.ssh(node, "test -e /.dockerenv").returncode == 1


@pytest.mark.parametrize("file", ["/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"])
def test_no_two_hosts_are_the_same(lab, file):
    assert len({said(lab, node, f"cat {file}") for node in lab.nodes}) == len(lab.nodes)


def test_a_second_up_changes_nothing(lab):
    assert own(lab.answer("lab", "up")["changes"]) == []
    assert own(lab.answer("lab", "up", "--dry-run")["changes"]) == []


def test_list_finds_the_lab_without_its_inventory(lab):
    done = command("nodeops", "lab", "list", "--json")
    found = next(row for row in json.loads(done.stdout)["labs"] if row["lab"] == lab.name)
    assert (found["running"], found["folder"]) == (2, str(lab.inventory.resolve()))


def test_lab_ssh_keeps_the_words_of_a_command(lab):
    done = command("nodeops", "lab", "ssh", "-i", lab.inventory, lab.nodes[0], "--", "printf", "%s|", "a  b", "$HOME")
    assert (done.returncode, done.stdout) == (0, "a  b|$HOME|")
    assert command("nodeops", "lab", "ssh", "-i", lab.inventory, lab.nodes[0], "--", "exit 7").returncode == 7


def test_another_host_key_is_not_accepted_and_up_repairs_it(lab):
    known = lab.inventory / ".lab/known_hosts"
    one, two = known.read_text().splitlines()
    known.write_text(f"{one.split()[0]} {two.split(' ', 1)[1]}\n{two}\n")
    done = lab.ssh(lab.nodes[0], "true")
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr
    assert lab.answer("lab", "up")["changed"]
    assert known.read_text().splitlines() == [one, two]
    assert said(lab, lab.nodes[0], "echo in") == "in"


def test_lost_keys_are_made_again_and_hosts_are_kept(lab):
    before = said(lab, lab.nodes[0], "cat /etc/machine-id")
    shutil.rmtree(lab.inventory / ".lab")
    (lab.inventory / "ssh_config").unlink()
    lab.answer("lab", "up")
    assert said(lab, lab.nodes[0], "cat /etc/machine-id") == before


def test_a_filesystem_has_its_size_and_no_more(lab):
    node = lab.nodes[0]
    kind, blocks, block_bytes = said(lab, node, f"stat -f -c '%T %b %S' {DISK}").split()
    assert kind == "ext2/ext3"
    assert 200 * MIB < int(blocks) * int(block_bytes) <= 256 * MIB
    assert len(loops(lab)) == 1
    too_much = lab.ssh(node, f"sudo fallocate -l 300M {DISK}/big")
    assert "No space left" in too_much.stderr
    said(lab, node, f"sudo rm -f {DISK}/big; sudo fallocate -l 100M {DISK}/fits && sudo rm {DISK}/fits")


HOW = {"shutdown": (), "power cut": ("--kill",)}
STOPS = some([("shutdown", "up"), ("power cut", "start")], [("shutdown", "start"), ("power cut", "up")])


@pytest.mark.parametrize(("how", "back"), STOPS)
def test_what_is_on_disk_survives_being_stopped(lab, how, back):
    node, other = lab.nodes
    said(lab, node, f"echo kept | sudo tee {DISK}/kept /var/kept && sync")
    assert lab.answer("lab", "stop", node, *HOW[how])["changed"]
    assert lab.ssh(node, "true").returncode == 255
    assert said(lab, other, "echo well") == "well"
    assert not lab.answer("lab", "stop", node)["changed"]
    assert lab.answer("lab", *(["start", node] if back == "start" else ["up"]))["changed"]
    assert said(lab, node, f"findmnt -n -o FSTYPE {DISK}; cat {DISK}/kept /var/kept") == "ext4\nkept\nkept"


def test_a_host_that_no_longer_fits_is_kept_until_recreate_is_asked_for(lab):
    node, other = lab.nodes
    before = {name: said(lab, name, "cat /etc/machine-id") for name in lab.nodes}
    identities = lab.inventory / "identities"
    identities.mkdir()
    for name in lab.nodes:
        (identities / f"{name}.yml").write_text("{}\n")
    with_disk(lab, "64M")
    refused = lab.nodeops("lab", "up")
    assert refused.returncode == 4
    assert "--recreate" in refused.stderr
    assert said(lab, node, "cat /etc/machine-id") == before[node]
    lab.answer("lab", "up", "--recreate")
    assert said(lab, node, "cat /etc/machine-id") != before[node]
    assert said(lab, other, "cat /etc/machine-id") == before[other]
    assert [path.name for path in identities.iterdir()] == [f"{other}.yml"]


def test_a_failed_unit_is_named(lab):
    node = lab.nodes[1]
    lab.ssh(node, "sudo systemd-run --quiet --unit broken --service-type oneshot false")
    answer = lab.answer("lab", "up")
    assert [(row["verdict"], "broken.service" in row["actual"]) for row in answer["findings"]] == [("warn", True)]
    said(lab, node, "sudo systemctl reset-failed")
    assert not lab.answer("lab", "up")["findings"]


def test_two_labs_stand_side_by_side(lab, inventory_of, client):
    other = inventory_of("t-lab-b", "172.30.92")
    other.answer("lab", "up")
    assert said(other, other.nodes[0], "hostname -I") == "172.30.92.11"
    assert said(lab, lab.nodes[0], "hostname -I") == "172.30.91.11"
    other.answer("lab", "down")
    assert on_engine(client, other) == []
    assert len(on_engine(client, lab)) == 3
    assert said(lab, lab.nodes[0], "echo well") == "well"


@pytest.fixture
def strangers(client, lab) -> Iterator[dict[str, Any]]:
    """A network and a container of somebody else, where a second lab would want to be."""
    image = client.containers.list(filters={"label": f"nodeops.lab={lab.name}"})[0].image
    pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet="172.30.92.128/25")])
    network = client.networks.create("nodeops-t-lab-strange", ipam=pool)
    container = client.containers.create(image, name="nodeops-t-lab-c.t-1", network_mode="none")
    yield {"network": network, "container": container}
    container.remove(force=True)
    network.remove()


def test_what_belongs_to_others_is_neither_used_nor_removed(lab, inventory_of, client, strangers):
    other = inventory_of("t-lab-c", "172.30.92")
    before = files(other)
    refused = other.nodeops("lab", "up")
    assert refused.returncode == 3
    assert "nodeops-t-lab-strange has 172.30.92.128/25" in refused.stderr
    assert "a container named nodeops-t-lab-c.t-1 exists and is not ours" in refused.stderr
    assert (on_engine(client, other), files(other)) == ([], before)
    assert not other.answer("lab", "down")["changed"]
    for thing in strangers.values():
        thing.reload()


def test_a_lab_of_the_same_name_in_another_folder_is_refused(lab, tmp_path, client):
    shutil.copytree(lab.inventory, tmp_path / "clone", ignore=shutil.ignore_patterns(".lab", "ssh_config"))
    before = on_engine(client, lab)
    for verb in ("up", "down"):
        refused = command("nodeops", "lab", verb, "--inventory", tmp_path / "clone")
        assert refused.returncode == 4
        assert str(lab.inventory.resolve()) in refused.stderr
    assert on_engine(client, lab) == before


def test_down_leaves_nothing(inventory_of, client):
    """On a lab of its own, so that it does not matter which tests ran before."""
    lab = inventory_of("t-lab-d", "172.30.92")
    before = files(lab)
    with_disk(lab, "64M")
    lab.answer("lab", "up")
    assert len(loops(lab)) == 1
    (lab.inventory / "identities").mkdir()
    for name in (*lab.nodes, "stranger"):
        (lab.inventory / f"identities/{name}.yml").write_text("{}\n")
    (lab.inventory / "genesis.json").write_text("{}\n")
    planned = lab.answer("lab", "down", "--dry-run")["changes"]
    assert len(on_engine(client, lab)) == 3
    assert own(lab.answer("lab", "down")["changes"]) == own(planned)
    assert on_engine(client, lab) == []
    assert files(lab) == sorted([*before, "identities", "identities/stranger.yml"])
    # The kernel lets go of a loop device when the last process of its host is gone, a moment after the engine's answer.
    assert Retrying(retry=retry_if_result(bool), stop=stop_after_delay(120), wait=wait_fixed(0.1))(loops, lab) == []
    assert own(lab.answer("lab", "down")["changes"]) == []


@pytest.fixture
def own_engine() -> Iterator[EngineHome]:
    """A second engine, without networks and in a network namespace of its own, so that the first one is not touched."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd")
    # Not tmp_path: its name is too long for the engine's own sockets below it.
    folder = Path(tempfile.mkdtemp(prefix="nodeops-t-lab-"))
    places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
    options = ["--host", f"unix://{folder}/socket", "--bridge", "none", "--iptables=false"]
    home = EngineHome(folder / "state", ("unshare", "--net", "dockerd", *places, *options), f"unix://{folder}/socket")
    yield home
    if our_process(home):
        stop_if_ours(docker.DockerClient(base_url=home.address), home)
    shutil.rmtree(folder)


def test_an_engine_of_ours_is_started_detached_and_stopped_when_asked_and_nobody_needs_it(own_engine):
    pid = start_detached(own_engine)
    client = docker.DockerClient(base_url=own_engine.address)
    assert our_process(own_engine) == pid
    assert os.getsid(pid) == pid
    client.api.import_image_from_data(bytes(1024), repository="nodeops-t-lab-empty")
    someones = client.containers.create("nodeops-t-lab-empty", command="x")
    assert not is_idle(client)
    assert not stop_if_ours(client, own_engine)
    assert our_process(own_engine) == pid
    someones.remove()
    lines: list[str] = []
    assert engine_step(client, own_engine, stop=False, dry_run=False, lines=lines) == []
    assert (our_process(own_engine), "runs on; nodeops lab down --engine stops it" in lines[0]) == (pid, True)
    assert [step.act for step in engine_step(client, own_engine, stop=True, dry_run=False, lines=lines)] == [Act.STOP_ENGINE]
    assert our_process(own_engine) is None
    assert not own_engine.record.exists()
