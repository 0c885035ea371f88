"""What is made of a flood: how it is shown, and when it counts as survived. The flood itself runs in make demo-flood."""

import importlib.resources
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeops.cli import main
from nodeops.lab.flood.flood import Ended, Flood, Look, judged, look

FLOOD = Flood("wi-2", 100e6, 20.0)
LOOK = Look(3.0, 71.4, "normal", 40 << 20, 90 << 20, False, True, "sealed 64.0 MiB into 6.1 MiB, by seal.bytes")
ENDED = Ended({"lines": 9.9e6, "bytes": 2e9, "seconds": 20.0, "slowest_write": 0.02}, 100, 111, {"findings": []})


def said(**changes: Any) -> dict[str, Any]:
    places = [
        {"uses": ["data"], "used_percent": 12.0, "stage": "normal"},
        {"uses": ["log"], "used_percent": 71.4, "stage": "low"},
    ]
    log = {"live_bytes": 5, "sealed_bytes": 7}
    done = ["2026-11-25 13:00:00 purged 3 segments, 9.0 MiB, by stage.high"]
    return {"filesystems": places, "log": log, "done": done, "node_stopped": False, "plan": {"actions": []}, **changes}


def verdicts(looks: list[Look], ended: Ended) -> dict[str, str]:
    return {one.id: str(one.verdict) for one in judged(FLOOD, looks, ended).findings}


def test_a_look_is_at_the_log() -> None:
    seen = look(1.0, said())
    assert (seen.used_percent, seen.stage, seen.busy, seen.done) == (
        71.4,
        "low",
        False,
        "purged 3 segments, 9.0 MiB, by stage.high",
    )
    assert "71.4 %" in seen.line() and "purged 3 segments" in seen.line()
    assert "node stopped" in look(1.0, said(node_stopped=True, done=[])).line()


def test_a_flood_that_is_survived_passes() -> None:
    result = judged(FLOOD, [LOOK], ENDED)
    assert result.exit_code == 0
    assert "100 MB/s" in result.lines[-1]


@pytest.mark.parametrize(
    ("looks", "ended", "failing"),
    [
        ([LOOK, replace(LOOK, used_percent=98.2)], ENDED, "flood.peak"),
        ([replace(LOOK, stopped=True)], ENDED, "flood.peak"),
        ([LOOK], replace(ENDED, height_after=100), "flood.chain"),
        ([LOOK], replace(ENDED, proof={"findings": [{"verdict": "fail", "actual": "12 bytes are missing"}]}), "flood.lines"),
    ],
)
def test_one_that_is_not_says_what_went_wrong(looks: list[Look], ended: Ended, failing: str) -> None:
    found = verdicts(looks, ended)
    assert [name for name, verdict in found.items() if verdict == "fail"] == [failing]


def test_the_writer_writes_numbered_lines_at_its_rate(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    program = importlib.resources.files("nodeops.lab.flood").joinpath("writer.py").read_text(encoding="utf-8")
    words = [sys.executable, "-", str(tmp_path / "log"), "2000000", "0.5"]
    done = json.loads(subprocess.run(words, input=program, capture_output=True, text=True, check=True).stdout)
    lines = (tmp_path / "log").read_text().splitlines()
    assert done["lines"] == len(lines)
    assert [int(line.split("flood ")[1][:12]) for line in lines] == list(range(1, 1 + len(lines)))
    assert done["bytes"] <= 2_000_000 * done["seconds"] + 500 * 202, "never ahead by more than what it writes at once"
    assert done["bytes"] == (tmp_path / "log").stat().st_size


def test_a_host_that_is_none_and_a_lab_that_is_not_up_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in ((["nobody"], "no such node"), ([], "nodeops lab up")):
        with pytest.raises(SystemExit) as left:
            main(["lab", "flood", *words, "--inventory", str(lab(tmp_path))])
        assert left.value.code in (2, 3)
        assert text in capsys.readouterr().err


def lab(folder: Path) -> Path:
    member = {"organisation": "test", "duty": "validator", "power": 1, "address": "172.30.98.11"}
    ledger = {"platform": "cometbft", "version": "v0.38.21", "chain": "c-1"}
    consortium = {"consortium": "c", "revision": 1, "ledger": ledger, "organisations": {"test": {}}, "nodes": {"t-1": member}}
    (folder / "consortium.yml").write_text(json.dumps(consortium))
    (folder / "lab.yml").write_text(json.dumps({"lab": "c", "subnet": "172.30.98.0/24", "release": "debian12"}))
    (folder / "group_vars").mkdir(exist_ok=True)
    choices = {"firewall": {"operators": ["172.30.98.1/32"]}}
    (folder / "group_vars/all.yml").write_text(json.dumps({"nodeops_manages": ["test"], "nodeops_choices": choices}))
    return folder
