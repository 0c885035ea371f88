"""What a person is told to type on a host whose database is damaged: it never takes the signing state along."""

import re
import subprocess
from pathlib import Path

import pytest

from nodeops.document.profile import load_profile
from tests.contract.rules.tree import ROOT

DATA = "/var/lib/ledger/data"
TOLD = (Path(ROOT) / "docs/lifecycle.md").read_text().partition("fetch the chain anew")[2].split("```")[1]
STATE = '{"height":"7","round":0,"step":3}'


def test_it_stops_removes_starts_and_looks_first() -> None:
    words = [line.partition("#")[0].split()[1:3] for line in TOLD.strip().splitlines()]
    assert words == [
        ["nodeops", "status"],
        ["nodeops", "lifecycle"],
        ["systemctl", "stop"],
        ["find", DATA],
        ["nodeops", "ledger"],
    ]


@pytest.mark.parametrize("platform", ["cosmos", "cometbft"])
def test_what_is_removed_are_databases_and_never_the_signing_state(tmp_path: Path, platform: str) -> None:
    assert load_profile(platform).paths["data"] == DATA
    data = tmp_path / "data"
    for name in ("application.db", "blockstore.db", "cs.wal", "snapshots/1", "state.db"):
        (data / name).mkdir(parents=True)
        (data / name / "000001.log").write_text("block")
    (data / "priv_validator_state.json").write_text(STATE)
    [line] = [line for line in TOLD.splitlines() if DATA in line]
    subprocess.run(["sh", "-c", line.replace("sudo ", "").replace(DATA, str(data))], check=True, timeout=20)
    assert [one.name for one in data.iterdir()] == ["priv_validator_state.json"]
    assert (data / "priv_validator_state.json").read_text() == STATE


def test_no_recipe_moves_the_folder_of_the_data_or_resets_a_signing_state() -> None:
    wrong = re.compile(rf"\b(?:mv|rm|cp)\b[^\n`]*(?:{DATA}|\bdata\b)[^\n`]*|unsafe-reset|reset-state")
    for file in sorted((Path(ROOT) / "docs").rglob("*.md")):
        found = [one[0] for one in wrong.finditer(file.read_text())]
        assert found == [], file
