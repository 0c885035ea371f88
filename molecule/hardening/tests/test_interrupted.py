"""kill -9 and a full disk in the middle of apply: what is there afterwards is the old state or the new one."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import remote
import snapshot
from conftest import LIGHT, assert_nothing, failing, packages
from hosts import REFRESH, unlocked
from test_undo import VOLATILE
from tier import FULL

from nodeops.hardening.controls.catalogue import catalogue

pytestmark = pytest.mark.usefixtures("hardened")
# Shares of the time that an undisturbed apply takes: one for each host, so that both are there after one round; in full all.
MOMENTS = (0.4, 0.6, 0.8)
# The folder that gets full, and how many pages are left there; one for each host, in full each on both.
FULL_DISKS = (("/var/lib/nodeops/hardening", 0), ("/etc", 12), ("/etc", 0))
# What is taken back and applied; in full everything, with the packages put there by hand.
UNDO = ("undo",) if FULL else ("undo", *LIGHT)
PACKAGES = sorted(name for control in catalogue().values() for name in packages(control))


@pytest.fixture(scope="module", autouse=True)
def packages_by_hand() -> Iterator[None]:
    """Install what would be installed: what is interrupted is our own work, not dpkg's."""
    added = remote.at_once(with_packages, remote.NODES) if FULL else {}
    yield
    remote.at_once(lambda node: without_packages(node, added[node]), added)


def with_packages(node: str) -> list[str]:
    """Return the packages that this installed."""
    remote.apply(node, "undo")
    before = snapshot.take(node)["packages"]
    get = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install"
    remote.must(node, unlocked(f"{REFRESH} && {get} {' '.join(PACKAGES)}") if PACKAGES else "true")
    return sorted(snapshot.take(node)["packages"].keys() - before.keys())


def without_packages(node: str, names: list[str]) -> None:
    remote.apply(node, "undo")
    remote.must(node, unlocked(f"apt-get -qq -y purge {' '.join(names)}") if names else "true")
    remote.apply(node)


def chosen(node: str, cases: Sequence[Any]) -> Sequence[Any]:
    """Return the cases of a host: its own one, or all of them."""
    return cases if FULL else [cases[remote.NODES.index(node)]]


def test_killed_in_the_middle() -> None:
    assert_nothing(remote.at_once(killed, remote.NODES))


def killed(node: str) -> list[str]:
    remote.apply(node, *UNDO)
    before = snapshot.take(node)
    began = time.monotonic()
    remote.apply(node)
    took = time.monotonic() - began
    after = snapshot.take(node)
    wrong = []
    for moment in chosen(node, MOMENTS):
        remote.apply(node, *UNDO)
        wrong += [f"{moment}: undo left {line}" for line in snapshot.differences(before, snapshot.take(node), VOLATILE)]
        remote.must(
            node, f"nodeops hardening apply --json >/run/killed 2>&1 & sleep {took * moment:.2f}; kill -9 $! || true; wait"
        )
        remote.verb(node, "hardening", "recover", codes=(0, 1))
        now = snapshot.take(node)
        if snapshot.differences(after, now, VOLATILE):
            wrong += [f"{moment}: neither old nor new: {line}" for line in snapshot.differences(before, now, VOLATILE)]
        remote.apply(node)
        wrong += [f"{moment}: applied again: {line}" for line in failing(node)]
    return wrong


def test_a_full_disk() -> None:
    assert_nothing(remote.at_once(full_disks, remote.NODES))


def full_disks(node: str) -> list[str]:
    return [f"{folder}, {free} pages: {line}" for folder, free in chosen(node, FULL_DISKS) for line in full(node, folder, free)]


def full(node: str, folder: str, free: int) -> list[str]:
    """Put a folder on a filesystem of its own with so many free pages, apply, and return what is not as it was."""
    remote.apply(node, *UNDO)
    before = snapshot.take(node)
    remote.must(
        node, f"mkdir -p {folder} /run/small && mount -t tmpfs -o mode=0755 small /run/small && cp -a {folder}/. /run/small"
    )
    fill = "used=$(df --output=used -k /run/small | tail -n 1)"
    remote.must(node, f"{fill}; mount -o remount,size=$((used + 4 * {free}))k /run/small && mount --bind /run/small {folder}")
    try:
        said = remote.run(node, "nodeops hardening apply --json")
        wrong = [] if said.code in (0, 1, 3, 4) else [f"a full disk is told badly: {said}"]
        if said.code in (0, 1):
            remote.must(node, "nodeops hardening rollback")
        # Where undoing failed too, the timer stays armed and tries again; the disk guard begins anew with what /etc is now.
        wrong += snapshot.differences(before, snapshot.take(node), (*VOLATILE, "nodeops-hardening-undo", "nodeops-disk.service"))
    finally:
        remote.must(node, f"umount -l {folder}; umount -l /run/small")
        remote.run(node, "nodeops hardening recover")
    remote.apply(node)
    wrong += failing(node)
    remote.apply(node, *UNDO)
    return wrong + snapshot.differences(before, snapshot.take(node), (*VOLATILE, "nodeops-disk.service"))
