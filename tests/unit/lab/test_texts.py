import subprocess
from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.lab.spec import HostSpec, Lab
from nodeops.lab.texts import host_files, known_hosts, ssh_config

HOSTS = (
    HostSpec("n1", "172.30.91.11", "debian12", (("/srv/data", 1 << 30), ("/var/log", 1 << 26))),
    HostSpec("n2", "172.30.91.12", "debian13"),
)


def lab(folder: Path) -> Lab:
    return Lab("small", folder, "172.30.91.0/24", HOSTS)


@pytest.mark.parametrize("folder", ["plain", "with space", "100% sure", "ünïcode"])
@pytest.mark.parametrize("asked", ["n1", "172.30.91.11"])
def test_ssh_itself_understands_the_configuration(tmp_path, folder, asked):
    home = tmp_path / folder
    home.mkdir()
    (home / "ssh_config").write_text(ssh_config(lab(home)))
    said = subprocess.run(["ssh", "-G", "-F", home / "ssh_config", asked], capture_output=True, text=True, check=True).stdout
    words = dict(line.split(" ", 1) for line in said.splitlines())
    assert words["hostname"] == "172.30.91.11"
    assert words["user"] == "ops"
    assert words["stricthostkeychecking"] == "true"
    assert words["identitiesonly"] == "yes"
    assert words["identityfile"].replace("%%", "%").strip('"') == f"{home}/.lab/id_ed25519"
    assert words["userknownhostsfile"].replace("%%", "%").strip('"') == f"{home}/.lab/known_hosts"


@pytest.mark.parametrize("name", ['a"b', "a\nHost *", "a\\b"])
def test_a_folder_that_would_break_out_of_the_configuration_is_refused(name):
    with pytest.raises(InputError, match="rename the folder"):
        ssh_config(lab(Path("/inventories") / name))


def test_host_keys_stand_under_name_and_address():
    assert known_hosts(lab(Path("/i")), {"n2": "ssh-ed25519 B", "n1": "ssh-ed25519 A"}) == (
        "n1,172.30.91.11 ssh-ed25519 A\nn2,172.30.91.12 ssh-ed25519 B\n"
    )


def test_filesystems_become_disks_and_mounts():
    assert host_files("small", HOSTS[1]) == {}
    assert host_files("small", HOSTS[0]) == {
        "etc/fstab": (
            "/var/lib/nodeops-lab/small.n1/srv/data.img /srv/data ext4 loop 0 0\n"
            "/var/lib/nodeops-lab/small.n1/var/log.img /var/log ext4 loop 0 0\n"
        ),
        "etc/nodeops-lab/disks": (
            "/var/lib/nodeops-lab/small.n1/srv/data.img 1073741824\n/var/lib/nodeops-lab/small.n1/var/log.img 67108864\n"
        ),
    }
