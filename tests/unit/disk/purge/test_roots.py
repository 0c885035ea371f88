"""A policy can name no folder that is, holds or lies in what must stay, by whatever name or mount it leads there."""

import os
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, Refused
from nodeops.disk.purge.roots import Root, checked_roots
from tests.unit.disk.purge.samples import House, make_house, mounted


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def protected(house: House) -> list[Path]:
    return [house.root / "ledger", house.root / "etc", house.root / "state", house.root / "not there yet"]


def test_a_folder_of_its_own_is_allowed(house):
    roots = [Root(house.sealed)]
    assert checked_roots(roots, protected(house)) == roots
    assert checked_roots([], protected(house)) == []


NAMED = {
    "chain data": ("ledger", "is "),
    "inside chain data": ("ledger/data/state.db", "lies in"),
    "all of it": (".", "contains"),
    "what is not there yet": ("not there yet/sealed", "lies in"),
}


@pytest.mark.parametrize(("name", "relation"), NAMED.values(), ids=NAMED)
def test_protected_names_are_refused(house, name, relation):
    with pytest.raises(InputError, match=f"{relation}.*nothing may be removed"):
        checked_roots([Root(house.root / name)], protected(house))


@pytest.mark.parametrize(
    "path", ["/", "/etc", "/etc/ssl", "/usr/lib", "/proc/self", "/run/x", "sealed", "/var/../etc", "/dev/shm"]
)
def test_no_policy_may_purge_the_system(path):
    with pytest.raises(InputError):
        checked_roots([Root(Path(path))], [])


@pytest.mark.parametrize("link", ["log/sealed", "log"])
def test_links_are_refused(house, link):
    path = house.root / link
    path.rename(house.root / "real")
    path.symlink_to(house.root / "real")
    with pytest.raises(Refused, match="symbolic link"):
        checked_roots([Root(house.sealed)], protected(house))


def test_what_a_protected_link_leads_to_is_protected_too(house):
    (house.root / "alias").symlink_to(house.sealed)
    with pytest.raises(InputError, match="is "):
        checked_roots([Root(house.sealed)], [house.root / "alias"])


def test_roots_do_not_overlap(house):
    inner = house.sealed / "inner"
    inner.mkdir()
    for roots in ([house.sealed, inner], [inner, house.sealed], [inner, inner]):
        with pytest.raises(InputError):
            checked_roots([Root(path) for path in roots], [])


def test_a_missing_root_is_told(house):
    with pytest.raises(HostError, match="No such file"):
        checked_roots([Root(house.root / "log/none")], [])


def test_a_root_that_others_may_write_is_refused(house):
    house.sealed.chmod(0o777)
    with pytest.raises(Refused, match="others may change"):
        checked_roots([Root(house.sealed)], [])


@pytest.mark.parametrize("place", ["ledger", "ledger/data", "ledger/config/keystore"])
def test_a_bind_mount_of_protected_data_is_seen_through(house, place):
    source = house.root / place
    with mounted(house.root / "log/innocent", "--bind", str(source)) as root, pytest.raises(Refused, match="same place"):
        checked_roots([Root(root)], protected(house))


def test_a_protected_bind_mount_of_a_root_is_seen_through(house):
    with mounted(house.root / "data", "--bind", str(house.root / "log")) as data, pytest.raises(Refused, match="same place"):
        checked_roots([Root(house.sealed)], [data])


def test_the_filesystem_is_the_one_that_was_said(house):
    with mounted(house.root / "disk", "-t", "tmpfs", "tmpfs") as disk:
        (disk / "sealed").mkdir(mode=0o755)
        assert len(checked_roots([Root(disk / "sealed", disk)], protected(house))) == 1
        with pytest.raises(InputError, match="is mounted at"):
            checked_roots([Root(house.sealed, disk)], protected(house))
    # The device is missing: the folder below its mount point lies on the system's filesystem.
    (disk / "sealed").mkdir()
    with pytest.raises(InputError, match="is mounted at"):
        checked_roots([Root(disk / "sealed", disk)], protected(house))
    assert os.path.ismount("/")
