"""Whether the log gets a filesystem of its own, and what is stopped meanwhile."""

from dataclasses import replace

import pytest

from nodeops.core.errors import InputError, Refused
from nodeops.disk.log_filesystem.plan import LABEL, START, START_GUARD, STOP, STOP_GUARD, LogPlace, plan, wanted
from nodeops.document.choices.disk import DiskChoices

GIB, MIB = 1 << 30, 1 << 20
PLACE = LogPlace(
    folder="/var/log/ledger",
    mounted=False,
    content=10 * MIB,
    running=False,
    guarded=False,
    total=10 * GIB,
    free=8 * GIB,
    device_holds="",
)
IMAGE, DEVICE = DiskChoices(log_bytes=GIB), DiskChoices(log_device="/dev/vdb")


def steps(choices: DiskChoices, may_stop: bool = True, **seen: object) -> list[str]:
    return [change.what for change in plan(choices, replace(PLACE, **seen), may_stop)]


@pytest.mark.parametrize(
    ("running", "guarded", "before", "after"),
    [
        (False, False, [], []),
        (True, False, [STOP], [START]),
        (False, True, [STOP_GUARD], [START_GUARD]),
        (True, True, [STOP_GUARD, STOP], [START, START_GUARD]),
    ],
)
@pytest.mark.parametrize("choices", [IMAGE, DEVICE])
def test_what_writes_there_is_stopped_and_started_again(choices, running, guarded, before, after):
    found = steps(choices, running=running, guarded=guarded)
    place = len(before)
    assert found[place].startswith("mount")
    assert (found[:place], found[place + 1 :]) == (before, after)


def test_nothing_is_done_where_nothing_is_chosen_or_all_is_there():
    assert not wanted(DiskChoices())
    assert steps(DiskChoices()) == []
    assert steps(IMAGE, mounted=True, running=True) == []
    assert steps(DEVICE, mounted=True, device_holds=None) == []


@pytest.mark.parametrize(
    ("choices", "seen", "error", "says"),
    [
        (IMAGE, {"free": GIB + 100 * MIB}, Refused, "less than 10 % free"),
        (IMAGE, {"content": GIB}, Refused, "do not fit"),
        (DEVICE, {"content": 20 * GIB}, Refused, "do not fit"),
        (DEVICE, {"device_holds": None}, InputError, "there is no device /dev/vdb"),
        (DEVICE, {"device_holds": "xfs"}, Refused, "nothing that is there is overwritten"),
        (DEVICE, {"device_holds": "no block device"}, Refused, "nothing that is there is overwritten"),
    ],
)
def test_what_cannot_be_done_is_refused(choices, seen, error, says):
    with pytest.raises(error, match=says):
        steps(choices, **seen)


def test_a_node_that_runs_is_stopped_only_where_that_is_allowed():
    with pytest.raises(Refused, match="the ledger runs"):
        steps(IMAGE, may_stop=False, running=True)
    assert steps(IMAGE, may_stop=False, guarded=True)[0] == STOP_GUARD


def test_our_own_filesystem_is_used_again():
    assert steps(DEVICE, device_holds=LABEL)[0].startswith("mount /dev/vdb")
