"""What must stop `site.yml` before any host is changed, and what must not lose anything: on real hosts.

Two fresh hosts are spoiled in one way at a time, and must be as fresh afterwards. Then the run is killed half way and
completed by the next one.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.contract.rules.tree import ROOT
from tests.lab.conftest import ENVIRONMENT, LabHosts
from tests.tiers import some

DOCUMENT = "/etc/nodeops/node.json"
PORT = 26656
# What makes these hosts nodes: they are hardened from nothing in molecule/ledger and test_network.py, and here in full.
SITE = ("site.yml", "--skip-tags", "hardening")
# Moments at which the controller dies, in seconds after the first task: while copying; and while looking and configuring too.
DEATHS = some([((9,), SITE)], [((4, 9, 14), ("site.yml",))])


@pytest.fixture(scope="module")
def hosts(lab_of: object) -> LabHosts:
    lab: LabHosts = lab_of("bad-input", "172.30.72")  # type: ignore[operator]
    return lab


def must(lab: LabHosts, node: str, line: str) -> str:
    done = lab.ssh(node, line)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def is_refused(lab: LabHosts, *words: str, says: str, playbook: str = "site.yml", **environment: str) -> None:
    """Run the playbook; it must fail, say why without a traceback, and leave both hosts as fresh as they were."""
    argv = ["ansible-playbook", "-i", str(lab.inventory / "consortium.yml"), playbook, *words]
    done = subprocess.run(
        argv, cwd=ROOT, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, timeout=600, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert says in said, said
    assert "Traceback" not in said
    for node in lab.nodes:
        fresh = lab.ssh(node, f"test ! -e {DOCUMENT} && test ! -e /opt/nodeops && test ! -e /opt/ledger")
        assert fresh.returncode in (0, 255), f"{node} was changed"


@contextlib.contextmanager
def spoiled(lab: LabHosts, node: str, spoil: str, mend: str) -> Iterator[None]:
    must(lab, node, spoil)
    try:
        yield
    finally:
        must(lab, node, mend)


@contextlib.contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    """Spoil a file of the controller for a while."""
    right = file.read_text(encoding="utf-8")
    assert old in right
    file.write_text(right.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(right, encoding="utf-8")


def test_a_host_that_does_not_answer(hosts: LabHosts) -> None:
    hosts.answer("lab", "stop", "t-2")
    try:
        is_refused(hosts, says="t-2")
    finally:
        hosts.answer("lab", "start", "t-2")


def test_a_wrong_host_key(hosts: LabHosts) -> None:
    known = hosts.inventory / ".lab" / "known_hosts"
    right = known.read_text(encoding="utf-8")
    lines = right.splitlines()
    first, second = (next(line.split(" ", 1)[1] for line in lines if line.startswith(name)) for name in hosts.nodes)
    known.write_text("\n".join(line.replace(second, first) for line in lines) + "\n", encoding="utf-8")
    try:
        is_refused(hosts, says="host key", ANSIBLE_SSH_ARGS="-o ControlMaster=no -o ControlPath=none")
    finally:
        known.write_text(right, encoding="utf-8")


def test_an_unsupported_release(hosts: LabHosts) -> None:
    spoil = "sudo cp /etc/os-release /root-os && sudo sed -i 's/^VERSION_ID=.*/VERSION_ID=\"10\"/' /usr/lib/os-release"
    with spoiled(hosts, "t-1", spoil, "sudo cp /root-os /usr/lib/os-release && sudo rm /root-os"):
        is_refused(hosts, says="debian 12")


def test_a_disk_that_is_too_small(hosts: LabHosts) -> None:
    is_refused(hosts, "-e", json.dumps({"nodeops_choices": {"min_free_bytes": 1 << 60}}), says="free")


def test_a_port_that_is_taken(hosts: LabHosts) -> None:
    listen = f"import socket,time; s=socket.create_server(('0.0.0.0',{PORT})); time.sleep(600)"
    wait = f"timeout 60 sh -c 'until ss -Hltn sport = :{PORT} | grep -q .; do sleep 0.2; done'"
    start = f'sudo systemd-run --unit=squatter --collect python3 -c "{listen}"; {wait}'
    with spoiled(hosts, "t-2", start, "sudo systemctl stop squatter.service"):
        is_refused(hosts, says=str(PORT))


def test_a_clock_that_is_minutes_off(hosts: LabHosts) -> None:
    """A container has its host's clock, so the host's Python is told another time: what a wrong clock looks like over SSH."""
    code = "import time; time.time = lambda now=time.time: now() - 300"
    folder = must(hosts, "t-1", "python3 -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'").strip()
    spoil = f"sudo mkdir -p {folder} && echo '{code}' | sudo tee {folder}/late.pth"
    with spoiled(hosts, "t-1", spoil, f"sudo rm {folder}/late.pth"):
        is_refused(hosts, says="clock")


def test_an_unknown_choice_and_an_unknown_version(hosts: LabHosts) -> None:
    is_refused(hosts, "-e", json.dumps({"nodeops_choices": {"log_levle": "info"}}), says="log_levle")
    with edited(hosts.inventory / "consortium.yml", "v0.38.21", "v0.38.99"):
        is_refused(hosts, says="v0.38.21")


def test_a_mistake_in_the_consortium_file(hosts: LabHosts) -> None:
    with edited(hosts.inventory / "consortium.yml", '"revision"', '"revison"'):
        is_refused(hosts, says="unknown key 'revison'")


def test_a_corrupted_artifact_cache(hosts: LabHosts, tmp_path: Path) -> None:
    """The real binary, in a cache of its own, with one byte changed."""
    cache = tmp_path / "cache"
    made = hosts.answer("artifact", "fetch")
    real = Path(made["path"])
    copy = cache / "nodeops" / real.relative_to(next(parent for parent in real.parents if parent.name == "nodeops"))
    copy.parent.mkdir(parents=True)
    for file in real.parent.iterdir():
        if file.is_file():
            (copy.parent / file.name).write_bytes(file.read_bytes())
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(bytes(data))
    is_refused(hosts, says="--refresh", XDG_CACHE_HOME=str(cache))


def test_check_mode_on_fresh_hosts_changes_nothing(hosts: LabHosts) -> None:
    done = hosts.play("site.yml", "--check", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    for node in hosts.nodes:
        assert must(hosts, node, f"ls {DOCUMENT} /opt/nodeops /opt/ledger 2>/dev/null | wc -l").strip() == "0"
    assert not (hosts.inventory / "genesis.json").exists()


@pytest.mark.parametrize(("deaths", "site"), DEATHS, ids=str)
def test_a_controller_that_dies_half_way_is_completed_by_the_next_run(
    hosts: LabHosts, deaths: Sequence[int], site: Sequence[str]
) -> None:
    for seconds in deaths:
        die_after(hosts, seconds, *site)
    done = hosts.play(*site)
    assert done.returncode == 0, done.stdout + done.stderr
    done = hosts.play("playbooks/verify.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def die_after(lab: LabHosts, seconds: int, *words: str) -> None:
    """Start the run and kill it with everything it started."""
    argv = ["ansible-playbook", "-i", str(lab.inventory / "consortium.yml"), *words]
    process = subprocess.Popen(
        argv, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("TASK"):
            break
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_genesis_that_disagrees_with_the_file_is_refused(hosts: LabHosts) -> None:
    with edited(hosts.inventory / "genesis.json", "bad-input-1", "other-chain"):
        done = hosts.play("site.yml")
        assert done.returncode != 0
        assert "genesis.json" in done.stdout
        assert "changed=1" not in done.stdout


def test_a_lost_identity_on_the_host_is_never_made_anew(hosts: LabHosts) -> None:
    must(hosts, "t-2", "sudo systemctl stop ledger && sudo mv /var/lib/ledger/keys /var/lib/ledger/keys.lost")
    done = hosts.play(*SITE)
    assert done.returncode != 0
    assert "t-2" in done.stdout
    assert hosts.ssh("t-2", "sudo ls /var/lib/ledger/keys").returncode != 0
    must(hosts, "t-2", "sudo mv /var/lib/ledger/keys.lost /var/lib/ledger/keys && sudo systemctl start ledger")
    again = hosts.play(*SITE)
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_genesis_lost_by_the_controller_is_not_made_anew(hosts: LabHosts) -> None:
    file = hosts.inventory / "genesis.json"
    kept = file.rename(file.with_suffix(".lost"))
    try:
        done = hosts.play("site.yml")
        assert done.returncode != 0
        assert "genesis" in done.stdout
        assert not file.exists()
    finally:
        kept.rename(file)
