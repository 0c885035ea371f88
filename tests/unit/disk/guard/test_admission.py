"""Whether the ledger may start, by how full its filesystems are and by whether the guard stopped it."""

from types import SimpleNamespace

import pytest

from nodeops.core.errors import Refused
from nodeops.disk.guard import admission
from nodeops.disk.guard.admission import require_room, settle
from nodeops.disk.policy.stages import thresholds
from nodeops.host.filesystem import Filesystem

GIB = 1 << 30


def place(used: float, total: int = 10 * GIB, inodes_used: float = 1.0) -> Filesystem:
    return Filesystem(
        "/var/lib/ledger", 1, "ext4", total, int(total * (1 - used / 100)), 1000, int(1000 * (1 - inodes_used / 100))
    )


def policy(tmp_path, stopped: bool = False):
    mark = tmp_path / "stopped.json"
    if stopped:
        mark.touch()
    watched = {"data": str(tmp_path), "log": str(tmp_path)}
    marks = (str(mark), str(mark.with_name("in memory")))
    return SimpleNamespace(stopped_files=marks, thresholds=thresholds({}), watched=watched)


@pytest.mark.parametrize(
    ("seen", "stopped", "may"),
    [
        (place(50), False, True),
        (place(97), False, True),
        (place(98.5), False, False),
        (place(84), True, True),
        (place(86), True, False),
        (place(50, inodes_used=99), False, False),
        # Of ten tebibytes two percent are left: more than a database needs for days.
        (place(98.5, total=10 << 40), False, True),
        (place(98.5, total=10 << 40, inodes_used=99), False, False),
    ],
)
def test_who_may_start(tmp_path, monkeypatch, seen, stopped, may):
    monkeypatch.setattr(admission, "filesystems", lambda paths: [seen])
    if may:
        require_room(policy(tmp_path, stopped))
        return
    with pytest.raises(Refused, match="used") as refused:
        require_room(policy(tmp_path, stopped))
    assert refused.value.where == "/var/lib/ledger"
    assert "low" in refused.value.allowed if stopped else "critical" in refused.value.allowed


def test_without_a_log_there_is_nothing_to_finish(tmp_path):
    log = SimpleNamespace(live=str(tmp_path / "ledger.log"), sealed=str(tmp_path / "sealed"))
    assert settle(SimpleNamespace(log=log)) == ""
