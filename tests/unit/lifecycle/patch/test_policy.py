"""What a run does, leaves out and refuses, as tables."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nodeops.document.patch_windows import Opening
from nodeops.lifecycle.patch.answers import Offer, Size
from nodeops.lifecycle.patch.policy import (
    KERNEL_BOOT_BYTES,
    Asked,
    Place,
    Seen,
    Update,
    chosen,
    decide,
    kept_until,
    kernel_due,
    remembered,
    updates_of,
)

LEDGER, MIB = "ledger.service", 1 << 20
SSL = Offer("libssl3", "3.0.1", "3.0.2", "Debian-Security:12/stable-security")
OPEN = Opening(True)
CLOSED = Opening(False, "outside of the windows (Sat 01:00-05:00 UTC)", datetime(2026, 11, 28, 1, 0, tzinfo=UTC))
ROOM = [Place("/usr", 1, 900 * MIB), Place("/var/cache/apt/archives", 1, 900 * MIB), Place("/boot", 2, 900 * MIB)]
SIZES = {"libssl3=3.0.2": Size(2 * MIB, 6 * MIB)}
PENDING = Seen(updates=[Update("libssl3", "3.0.1", "3.0.2", True)], preview=[SSL], sizes=SIZES, places=ROOM)

DONE = {
    "nothing": (Seen(), Asked(), []),
    "an upgrade nobody uses": (PENDING, Asked(), ["upgrade libssl3"]),
    "an upgrade that services use": (
        replace(PENDING, users={"libssl3": ["ssh.service", LEDGER]}),
        Asked(),
        ["upgrade libssl3", "restart ssh.service", "restart ledger.service"],
    ),
    "services of packages that stay": (replace(PENDING, users={"libc6": [LEDGER]}), Asked(), ["upgrade libssl3"]),
    "what was upgraded by others": (
        Seen(stale={"cron.service": ["/usr/lib/x"], LEDGER: ["/usr/lib/x"]}),
        Asked(),
        ["restart cron.service", "restart ledger.service"],
    ),
    "what must not be restarted": (Seen(stale={"dbus.service": ["x"], "user@0.service": ["x"]}), Asked(), []),
    "a reboot that nobody asked for": (Seen(reboot=["kernel 2"]), Asked(), []),
    "a reboot": (Seen(reboot=["kernel 2"]), Asked(reboot=True), ["reboot"]),
    "a reboot for what must not be restarted": (Seen(stale={"dbus.service": ["x"]}), Asked(reboot=True), ["reboot"]),
    "no reboot for a login": (Seen(stale={"user@0.service": ["x"]}), Asked(reboot=True), []),
    "a reboot instead of restarts": (
        replace(PENDING, stale={LEDGER: ["x"], "cron.service": ["x"]}, reboot=["kernel 2"]),
        Asked(reboot=True),
        ["upgrade libssl3", "reboot"],
    ),
    "what was interrupted": (replace(PENDING, unfinished=["libssl3"]), Asked(), ["finish libssl3", "upgrade libssl3"]),
    "interrupted so that apt refuses until it is finished": (
        Seen(unfinished=["libssl3"], refused="unmet dependencies"),
        Asked(),
        ["finish libssl3"],
    ),
}


@pytest.mark.parametrize(("seen", "asked", "done"), DONE.values(), ids=DONE)
def test_what_is_done(seen, asked, done):
    plan = decide(seen, asked, LEDGER, OPEN, MIB)
    assert [change.what for change in plan.changes] == done
    assert not plan.refusals
    assert plan.stops_the_node == any(word in done for word in ("restart ledger.service", "reboot"))


NO_LEDGER = {
    "a service": (Seen(stale={"prometheus.service": ["x"]}), Asked(), ["restart prometheus.service: it runs on replaced files"]),
    "a ledger's unit is any other": (Seen(stale={LEDGER: ["x"]}), Asked(), ["restart ledger.service: it runs on replaced files"]),
    "a reboot": (Seen(reboot=["kernel 2"]), Asked(reboot=True), ["reboot: kernel 2"]),
}


@pytest.mark.parametrize(("seen", "asked", "done"), NO_LEDGER.values(), ids=NO_LEDGER)
def test_where_no_ledger_runs_no_gate_is_promised(seen, asked, done):
    plan = decide(seen, asked, "", OPEN, MIB)
    assert [f"{change.what}: {change.why}" for change in plan.changes] == done
    assert not plan.stops_the_node


REFUSED = {
    "closed": (PENDING, Asked(), CLOSED, ["patch.window"]),
    "closed, with a reason": (PENDING, Asked(outside="a hole that is used now"), CLOSED, []),
    "closed, and nothing to do": (Seen(), Asked(), CLOSED, []),
    "closed, and only a restart to do": (Seen(stale={"cron.service": ["x"]}), Asked(), CLOSED, ["patch.window"]),
    "closed, and a reboot is due that nobody asked for": (Seen(reboot=["kernel 2"]), Asked(), CLOSED, []),
    "a broken package manager": (Seen(refused="unmet dependencies"), Asked(), OPEN, ["patch.dpkg"]),
    "interrupted": (Seen(refused="unmet dependencies", unfinished=["a"]), Asked(), OPEN, []),
    "too full and closed": (
        replace(PENDING, places=[Place("/usr", 1, 8 * MIB), Place("/var/cache/apt/archives", 1, 8 * MIB)]),
        Asked(),
        CLOSED,
        ["patch.disk", "patch.window"],
    ),
}


@pytest.mark.parametrize(("seen", "asked", "opening", "ids"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(seen, asked, opening, ids):
    assert [no.id for no in decide(seen, asked, LEDGER, opening, MIB).refusals] == ids


KERNEL = Offer("linux-image-6.1.0-28-amd64", "", "6.1.119-1", "x")
FULL = {
    "exactly enough on one filesystem": ([SSL], {"/usr": (1, 9), "/var/cache/apt/archives": (1, 9)}, True),
    "a byte less would be too little": ([SSL], {"/usr": (1, 8.9), "/var/cache/apt/archives": (1, 8.9)}, False),
    "two filesystems need less each": ([SSL], {"/usr": (1, 7), "/var/cache/apt/archives": (3, 3)}, True),
    "the smaller is too full": ([SSL], {"/usr": (1, 7), "/var/cache/apt/archives": (3, 2.9)}, False),
    "a small /boot without a kernel": ([SSL], {"/usr": (1, 9), "/var/cache/apt/archives": (1, 9), "/boot": (2, 0)}, True),
    "a kernel": ([SSL, KERNEL], {"/usr": (1, 99), "/boot": (2, KERNEL_BOOT_BYTES / MIB)}, True),
    "a kernel and a full /boot": ([SSL, KERNEL], {"/usr": (1, 99), "/boot": (2, KERNEL_BOOT_BYTES / MIB - 1)}, False),
}


@pytest.mark.parametrize(("preview", "places", "fits"), FULL.values(), ids=FULL)
def test_room_is_counted_by_filesystem(preview, places, fits):
    rooms = [Place(path, device, int(free * MIB)) for path, (device, free) in places.items()]
    plan = decide(Seen(preview=preview, sizes=SIZES, places=rooms), Asked(), LEDGER, OPEN, MIB)
    assert (not plan.refusals) == fits


LEFT = {
    "fine": (["a"], [], [], ""),
    "held": ([], ["a"], [], "apt-mark unhold a"),
    "held, and would go with others": (["a"], ["a"], [], "apt-mark unhold a"),
    "would remove another": ([], [], ["exim4"], "it would remove exim4"),
    "needs what is not there": ([], [], [], "it needs what cannot be installed"),
}


@pytest.mark.parametrize(("doable", "held", "removed", "why"), LEFT.values(), ids=LEFT)
def test_what_is_left_out_is_named_with_the_way_out(doable, held, removed, why):
    everything = [Offer("a", "1", "2", "x"), Offer("new", "", "1", "x")]
    (found,) = updates_of(everything, doable, held, [], removed)
    assert why in found.left
    assert bool(found.left) == bool(why)


def test_a_class_chooses_and_what_is_left_out_is_in_none():
    updates = [Update("a", "1", "2", True), Update("b", "1", "2", False), Update("c", "1", "2", True, "held")]
    assert chosen(updates, "security") == {"a": "2"}
    assert chosen(updates, "all") == {"a": "2", "b": "2"}


UNITS = [
    ("dbus.service", "reboot"),
    ("user@1000.service", "logout"),
    ("serial-getty@ttyS0.service", "logout"),
    ("ssh.service", None),
]


@pytest.mark.parametrize(("unit", "until"), UNITS)
def test_what_is_kept(unit, until):
    assert kept_until(unit) == until


KERNELS = {
    "none here: another machine's": ("6.18.5", {}, 0),
    "the newest runs": ("6.1.0-28-amd64", {"6.1.0-9-amd64": 1, "6.1.0-28-amd64": 1}, 0),
    "a newer one by number, not by letter": ("6.1.0-9-amd64", {"6.1.0-9-amd64": 1, "6.1.0-28-amd64": 1}, 1),
    "the running one was replaced": ("6.1.0-28-amd64", {"6.1.0-28-amd64": 200}, 1),
    "a newer one of another flavour": ("6.1.0-9-amd64", {"6.1.0-9-amd64": 1, "6.1.0-28-cloud-amd64": 200}, 0),
    "a backport": ("6.1.0-28-amd64", {"6.1.0-28-amd64": 1, "6.12.9+bpo-amd64": 1}, 1),
}


@pytest.mark.parametrize(("running", "installed", "count"), KERNELS.values(), ids=KERNELS)
def test_when_the_kernel_wants_a_reboot(running, installed, count):
    assert len(kernel_due(running, installed, 100.0)) == count


def test_a_hole_does_not_get_younger_by_another_patch():
    first = remembered({}, [Update("a", "1", "2", True), Update("b", "1", "2", False)], 100.0)
    assert first == {"a": 100.0}
    assert remembered(first, [Update("a", "1", "3", True)], 200.0) == {"a": 100.0}
    assert remembered(first, [], 200.0) == {}
    assert remembered({"a": 900.0}, [Update("a", "1", "3", True)], 200.0) == {"a": 200.0}, "a clock that was set back"
