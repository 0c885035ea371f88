import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.core.errors import HostError, InputError, Timeout
from nodeops.lab import act
from nodeops.lab.containers import parse_probe
from nodeops.lab.engine import debian, images
from nodeops.lab.keys import make_key, public_key
from nodeops.lab.lock import lock
from nodeops.lab.observe import inventory_texts, routes
from nodeops.lab.parallel import each
from nodeops.lab.state import Probe

KEY = "ssh-ed25519 " + "A" * 68
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
old0\t00001FAC\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
br-1\t005B1EAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


def test_routes_that_are_up_without_the_default():
    assert dict(routes(ROUTES)) == {"172.17.0.0/16": "docker0", "172.30.91.0/24": "br-1"}
    assert dict(routes("")) == {}


@pytest.mark.parametrize(
    ("text", "probe"),
    [
        (f"state running\nhost_key {KEY} n1\nauthorized {KEY} lab small\n", Probe("running", (), KEY, f"{KEY} lab small")),
        ("state degraded\nfailed a.service\nfailed b.mount\n", Probe("degraded", ("a.service", "b.mount"))),
        ("", Probe("offline")),
        ("state \n", Probe("offline")),
        ("host_key ssh-rsa AAAA\nsh: 1: no such thing\n", Probe("offline")),
    ],
)
def test_what_a_host_says(text, probe):
    assert parse_probe(text) == probe


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_host_may_say_anything(text):
    key = parse_probe(text).host_key
    assert key == "" or ("\n" not in key and key.startswith("ssh-ed25519 "))


def test_a_key_pair_is_made_once_and_kept_private(tmp_path):
    assert public_key(tmp_path, "small") == ""
    made = make_key(tmp_path, "small")
    file = tmp_path / ".lab/id_ed25519"
    assert public_key(tmp_path, "small") == made == (tmp_path / ".lab/id_ed25519.pub").read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    said = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == made.split()[:2]
    file.write_text("broken")
    assert public_key(tmp_path, "small") == ""


def test_a_lock_is_held_against_others_and_let_go(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with lock("lab-a"), lock("lab-b"), pytest.raises(Timeout, match="busy with lab-a"), lock("lab-a", wait_seconds=0.01):
        pass
    with lock("lab-a", wait_seconds=0.01):
        assert (tmp_path / "nodeops/lab/lab-a").is_dir()


def test_every_failure_of_many_is_reported():
    def work(number: int) -> int:
        if number % 2:
            raise HostError(f"host {number} is ill")
        return number * 10

    assert each(work, [4, 2]) == [40, 20]
    assert each(work, []) == []
    with pytest.raises(HostError, match=r"host 1 is ill\nhost 3 is ill"):
        each(work, [1, 2, 3])


def test_one_failure_keeps_its_kind_and_a_bug_is_never_hidden():
    with pytest.raises(InputError, match="mine"):
        each(lambda _: (_ for _ in ()).throw(InputError("mine")), [1])
    with pytest.raises(ZeroDivisionError):
        each(lambda number: 1 // number, [0, 0])


def test_many_are_worked_on_at_once():
    together = threading.Barrier(4, timeout=20)
    assert len(each(lambda _: together.wait(), range(4))) == 4


def test_an_image_is_named_by_its_content():
    files = images.context()
    tags = images.image_tags()
    assert tags == {release: images.image_tag(release, files) for release in ("debian12", "debian13")}
    for name in files:
        assert images.image_tag("debian12", {**files, name: files[name] + b"#"}) != tags["debian12"]


def test_files_are_removed_without_following_links(tmp_path):
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    folder = tmp_path / "inventory"
    (folder / "identities").mkdir(parents=True)
    (folder / "identities/n1.yml").write_text("x")
    (folder / ".lab").symlink_to(outside)
    for name in (".lab", "identities/n1.yml", "genesis.json"):
        act._remove_file(folder, name)
    assert not list(folder.iterdir())
    assert (outside / "kept").is_dir()


def test_identities_of_others_keep_their_folder(tmp_path):
    (tmp_path / "identities").mkdir()
    for name in ("n1", "other"):
        (tmp_path / f"identities/{name}.yml").write_text("x")
    assert inventory_texts(tmp_path) == {"identities/n1.yml": "x", "identities/other.yml": "x"}
    act._remove_file(tmp_path, "identities/n1.yml")
    assert inventory_texts(tmp_path) == {"identities/other.yml": "x"}


@pytest.mark.parametrize(
    ("text", "family"),
    [("ID=debian\n", True), ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True), ("ID=fedora\n", False), ("", False)],
)
def test_debian_and_its_descendants(tmp_path: Path, monkeypatch, text, family):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "os-release").write_text(text)
    assert debian.is_debian_like(tmp_path / "os-release") is family
