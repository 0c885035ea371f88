"""The guard's hands: a node that is stopped has the reason written down first, and ballast is given back and taken again."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeops.disk.guard import ballast
from nodeops.disk.guard.execute import Hands
from nodeops.disk.guard.sealer import LogKeeper
from nodeops.disk.model import Action, Stage
from nodeops.host.filesystem import Filesystem
from nodeops.host.usage import filesystems
from tests.unit.disk.guard.samples import guarded
from tests.unit.host.little_systemd import UNIT, LittleSystemd


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LittleSystemd]:
    made = LittleSystemd(tmp_path, "sleep 1000")
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    subprocess.run(["systemctl", "restart", UNIT], check=True)
    yield made
    made.end()


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    policy = guarded(tmp_path, tmp_path, unit=UNIT)
    keeper = LogKeeper(policy, lambda: 1000.0)
    yield Hands(policy, keeper)
    keeper.close()


def carried_out(hands: Hands, kind: str, place: Filesystem) -> list[str]:
    return list(hands.carry_out([Action(kind, place.mount, "a rule", Stage.CRITICAL, 0)], [place]))  # type: ignore[arg-type]


def test_a_node_is_stopped_with_the_reason_written_down_and_started_again(hands, systemd, tmp_path):
    (place,), mark = filesystems([tmp_path]), Path(hands.policy.stopped_files[0])
    assert UNIT in carried_out(hands, "stop_node", place)[0]
    assert not systemd.is_running()
    assert json.loads(mark.read_bytes())["mount"] == place.mount
    assert len(carried_out(hands, "start_node", place)) == 1
    assert f"start {UNIT}" in (systemd.root / "asked").read_text()
    assert (mark.exists(), hands.alarms) == (False, [])


def test_a_disk_that_takes_no_mark_does_not_keep_the_node_running(hands, systemd, tmp_path):
    (place,) = filesystems([tmp_path])
    folders = [Path(one).parent for one in hands.policy.stopped_files]
    folders[0].rename(tmp_path / "full")
    assert UNIT in carried_out(hands, "stop_node", place)[0]
    assert (systemd.is_running(), (folders[1] / "stopped.json").exists(), hands.alarms) == (False, True, [])
    folders[0].mkdir()
    assert len(carried_out(hands, "start_node", place)) == 1
    assert not (folders[1] / "stopped.json").exists()


def test_not_even_a_mark_in_memory_is_needed_to_stop(hands, systemd, tmp_path):
    (place,) = filesystems([tmp_path])
    for number, one in enumerate(hands.policy.stopped_files):
        Path(one).parent.rename(tmp_path / f"full-{number}")
    assert carried_out(hands, "stop_node", place) == []
    assert not systemd.is_running()
    assert [alarm.partition(":")[0] for alarm in hands.alarms] == ["stop node"]


def test_a_node_that_cannot_be_started_is_an_alarm_and_stays_marked(hands, systemd, tmp_path):
    (place,) = filesystems([tmp_path])
    carried_out(hands, "stop_node", place)
    (systemd.programs / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert carried_out(hands, "start_node", place) == []
    assert len(hands.alarms) == 1
    assert Path(hands.policy.stopped_files[0]).exists()


def test_a_step_that_fails_does_not_keep_the_next_from_being_done(hands, systemd, tmp_path, monkeypatch):
    (place,) = filesystems([tmp_path])
    (systemd.programs / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    kinds = ("ask_quorum", "restore_ballast")
    actions = [Action(kind, place.mount, "a rule", Stage.NORMAL, 0) for kind in kinds]  # type: ignore[arg-type]
    roomy = Filesystem(place.mount, place.device, place.kind, 1 << 40, 1 << 39, 1000, 900)
    assert len(list(hands.carry_out(actions, [roomy]))) == 1
    assert [text.partition(":")[0] for text in hands.alarms] == ["ask quorum"]
    folder = Path(hands.policy.ballast[0])
    assert set(ballast.present(folder)) == set(ballast.NAMES)
    assert len(carried_out(hands, "release_ballast", roomy)) == 1
    assert len(ballast.present(folder)) == 1
    assert hands.release_for_sealing() == hands.policy.ballast_bytes
    assert hands.release_for_sealing() == 0
