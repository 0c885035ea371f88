"""Undo of everything: bytes, modes, owners, live settings, services, packages are what they were on the stock host.

What comes next (test_blocks.py) hardens them again. There and back without packages is in test_interrupted.py.
"""

import pytest
import remote
import snapshot
from conftest import assert_nothing, failing
from tier import FULL

# What the other roles write, and what any installed and removed package or any login leaves on a Debian host.
OTHERS = (
    "/etc/nodeops",
    "/usr/local/bin/nodeops",
    "/etc/systemd/system/nodeops-",
    "/etc/systemd/system/ledger.service",
    "/etc/systemd/system/multi-user.target.wants/ledger.service",
    "/etc/systemd/system/multi-user.target.wants/nodeops-",
    "/etc/systemd/system/sysinit.target.wants/nodeops-",
    "/etc/systemd/system/timers.target.wants/nodeops-",
    "/etc/systemd/system/nftables.service.d",
    "/etc/sysusers.d",
    "/etc/tmpfiles.d/nodeops",
    "/etc/passwd",
    "/etc/group",
    "/etc/shadow",
    "/etc/gshadow",
    "/var/log/ledger",
    "/home/ops/.ansible",
    "ledger.service",
    "passwd ledger",
    "group ledger",
    "shadow ledger",
    "gshadow ledger",
    "passwd nodeops-",
    "group nodeops-",
    "shadow nodeops-",
    "gshadow nodeops-",
    "nodeops-",
    "nftables.service",
    # Debian's packages keep these when they are purged: what usbguard and ucf forget.
    "/etc/usbguard",
    "/etc/default/sysstat.ucf-",
)
VOLATILE = (
    # Timers start these every few seconds: whether one runs at a moment says nothing.
    "nodeops-firewall-watch.service",
    "nodeops-look.service",
    # It cannot run in a container: systemd tries again and again, and gives up in the end.
    "usbguard.service",
    "usbguard-dbus.service",
    # The database of accounts as it was one change ago.
    "/etc/passwd-",
    "/etc/group-",
    "/etc/shadow-",
    "/etc/gshadow-",
    "apt-listchanges",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_buckets",
    "/etc/ld.so.cache",
    "/etc/.pwd.lock",
    "/var/log/",
    "apt-daily",
    "run-",
    "session-",
    "user@",
    "user-runtime-dir@",
    "systemd-",
)


def test_undo_of_everything_leaves_a_stock_host() -> None:
    remote.at_once(lambda node: remote.apply(node, "undo"), remote.NODES)
    assert_nothing(remote.at_once(left_behind, remote.NODES))


def left_behind(node: str) -> list[str]:
    return snapshot.differences(snapshot.stock(node), snapshot.take(node), OTHERS + VOLATILE)


@pytest.mark.skipif(not FULL, reason="packages once more: a release needs it")
def test_apply_and_undo_change_nothing_at_all() -> None:
    assert_nothing(remote.at_once(there_and_back, remote.NODES))


def there_and_back(node: str) -> list[str]:
    remote.apply(node, "undo")
    before = snapshot.take(node)
    remote.apply(node)
    wrong = failing(node)
    remote.apply(node, "undo")
    return wrong + snapshot.differences(before, snapshot.take(node), VOLATILE)
