from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.cli import main
from nodeops.core.errors import InputError
from nodeops.lab.spec import HostSpec, lab_identity, load_lab

CONSORTIUM = """\
consortium: test
revision: 1
ledger: {platform: cometbft, version: v0.38.21, chain: test-1}
organisations: {org: {}}
nodes:
  n1: {organisation: org, duty: validator, address: ADDRESS}
monitors:
  mon: {organisation: org, address: 172.30.91.41}
"""
GOOD = """\
lab: small
subnet: 172.30.91.0/24
hosts:
  n1: {release: debian13, filesystems: {/var/log/ledger: 256M, /srv/data: 1G}}
"""


def inventory(folder: Path, lab: str = GOOD, address: str = "172.30.91.11") -> Path:
    (folder / "lab.yml").write_text(lab)
    (folder / "consortium.yml").write_text(CONSORTIUM.replace("ADDRESS", address))
    return folder


def test_hosts_are_the_nodes_and_monitors_of_the_consortium(tmp_path):
    lab = load_lab(inventory(tmp_path))
    assert lab.hosts == (
        HostSpec("n1", "172.30.91.11", "debian13", (("/srv/data", 1 << 30), ("/var/log/ledger", 256 << 20))),
        HostSpec("mon", "172.30.91.41", "debian12"),
    )
    assert (lab.name, lab.gateway, lab.releases) == ("small", "172.30.91.1", ["debian12", "debian13"])
    assert lab.folder == tmp_path.resolve()


HOSTILE = [
    ("", 1, "not a mapping"),
    ("- lab\n", 1, "not a mapping"),
    ("lab: [\n", 2, ""),
    ("lab: a\nlab: b\nsubnet: 172.30.91.0/24\n", 2, "duplicate"),
    ("lab: small\n", 1, "subnet: this key is required"),
    ("lab: small\nsubnet: 172.30.91.0/24\nsubnets: x\n", 3, "allowed: lab, subnet, release, hosts"),
    ("lab: ../../etc\nsubnet: 172.30.91.0/24\n", 1, "is not a name"),
    ("lab: 7\nsubnet: 172.30.91.0/24\n", 1, "lab"),
    ("lab: small\nsubnet: fd00::/64\n", 2, "IPv4 network"),
    ("lab: small\nsubnet: 172.30.91.5/24\n", 2, "host bits"),
    ("lab: small\nsubnet: 8.8.8.0/24\n", 2, "private"),
    ("lab: small\nsubnet: 10.0.0.0/8\n", 2, "/16 to /29"),
    ("lab: small\nsubnet: 172.30.91.0/31\n", 2, "/16 to /29"),
    ("lab: small\nsubnet: 172.30.91.0/24\nrelease: debian11\n", 3, "debian12"),
    ("lab: small\nsubnet: 172.30.91.0/24\nhosts:\n  n9: {}\n", 4, "'n9' is not in consortium.yml; allowed: n1, mon"),
    ("lab: small\nsubnet: 172.30.91.0/24\nhosts:\n  n1: {relaese: debian12}\n", 4, "allowed: release, filesystems"),
    ("lab: small\nsubnet: 172.30.91.0/24\nhosts: [n1]\n", 3, "hosts"),
    ("lab: small\nsubnet: 172.30.91.0/24\nhosts:\n  n1:\n", 4, "hosts.n1"),
]


@pytest.mark.parametrize(("text", "line", "said"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_bad_lab_file_is_refused_with_its_line(tmp_path, text, line, said):
    with pytest.raises(InputError) as caught:
        load_lab(inventory(tmp_path, lab=text))
    assert caught.value.where == f"{tmp_path}/lab.yml:{line}"
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("place", "size"),
    [
        *(
            (place, "64M")
            for place in ("/", "/etc", "/usr/lib", "/var", "/var/lib", "/var/lib/nodeops-lab", "/proc/x", "/dev/shm")
        ),
        *((place, "64M") for place in ("var/log", "/var/log/", "/var/../etc", "/var//log", "/var/log/a b", "/var/log/$(id)")),
        *(("/var/log/x", size) for size in ("0M", "15M", "65G", "10", "64MB", "-1G", "1e9M", "99999999999G", 64, None, [])),
    ],
)
def test_a_filesystem_that_cannot_be_is_refused(tmp_path, place, size):
    value = "null" if size is None else size
    text = f'lab: small\nsubnet: 172.30.91.0/24\nhosts:\n  n1: {{filesystems: {{"{place}": {value}}}}}\n'
    with pytest.raises(InputError) as caught:
        load_lab(inventory(tmp_path, lab=text))
    assert caught.value.where == f"{tmp_path}/lab.yml:4"
    assert "allowed: " in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("172.30.92.11", "not inside the lab's subnet 172.30.91.0/24"),
        ("172.30.91.1", "the gateway"),
        ("172.30.91.0", "the network itself"),
        ("172.30.91.255", "the broadcast address"),
        ("fd00::11", "not an IPv4 address"),
        ("node.example.org", "not an IPv4 address"),
    ],
)
def test_an_address_the_lab_cannot_give_is_refused_with_its_line(tmp_path, address, said):
    with pytest.raises(InputError) as caught:
        load_lab(inventory(tmp_path, address=f'"{address}"'))
    assert caught.value.where == f"{tmp_path}/consortium.yml:6"
    assert said in str(caught.value)


def test_a_folder_without_lab_file_is_no_lab(tmp_path):
    inventory(tmp_path)
    (tmp_path / "lab.yml").unlink()
    for read in (load_lab, lab_identity):
        with pytest.raises(InputError, match="is not a lab"):
            read(tmp_path)


def test_a_lab_is_known_while_its_consortium_file_is_broken(tmp_path):
    inventory(tmp_path, address="nonsense nonsense")
    assert lab_identity(tmp_path) == ("small", {"n1", "mon"})


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_lab_or_an_input_error(tmp_path_factory, data):
    folder = inventory(tmp_path_factory.mktemp("any"))
    (folder / "lab.yml").write_bytes(data)
    try:
        load_lab(folder)
    except InputError as error:
        assert str(folder) in error.where


@pytest.mark.parametrize("verb", [["up"], ["down"], ["ssh", "n1"], ["stop", "n1"], ["start", "n1"]], ids=lambda verb: verb[0])
def test_no_verb_touches_an_inventory_that_is_no_lab(tmp_path, capsys, verb):
    inventory(tmp_path)
    (tmp_path / "lab.yml").unlink()
    with pytest.raises(SystemExit) as left:
        main(["lab", *verb, "--inventory", str(tmp_path)])
    assert left.value.code == 2
    assert "is not a lab" in capsys.readouterr().err


def test_ssh_to_a_host_the_lab_does_not_have(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["lab", "ssh", "n9", "--inventory", str(inventory(tmp_path))])
    assert left.value.code == 2
    assert "allowed: mon, n1" in capsys.readouterr().err


def test_ssh_to_a_lab_that_is_down(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["lab", "ssh", "n1", "--inventory", str(inventory(tmp_path))])
    assert left.value.code == 3
    assert "nodeops lab up" in capsys.readouterr().err
