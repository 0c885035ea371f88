"""What forecasters learned comes back after a restart, and a damaged file only means to learn anew."""

import pytest

from nodeops.core.errors import HostError
from nodeops.disk import memory
from nodeops.disk.forecast import Forecaster

TOTAL = 1 << 30


def learned() -> Forecaster:
    found = Forecaster()
    for second in range(0, 4 * 86400, 60):
        found.observe(float(second), 1000 + second % 3600, TOTAL)
    return found


def test_what_was_learned_comes_back(tmp_path):
    before = learned()
    memory.save(tmp_path / "forecast.json", {"/": before, "/var/log": Forecaster()})
    after = memory.forecaster(memory.load(tmp_path / "forecast.json"), "/")
    assert after.as_dict() == before.as_dict()
    assert after.forecast() == before.forecast()
    assert before.forecast().confidence != "learning"


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"/": 7}', '{"/": {"habits": []}}', "\x00"])
def test_what_is_damaged_is_learned_anew(tmp_path, text):
    (tmp_path / "forecast.json").write_text(text)
    found = memory.forecaster(memory.load(tmp_path / "forecast.json"), "/")
    assert found.as_dict() == Forecaster().as_dict()


def test_a_file_that_is_not_there_is_nothing(tmp_path):
    assert memory.load(tmp_path / "forecast.json") == {}


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(HostError):
        memory.save(tmp_path / "none" / "forecast.json", {})
