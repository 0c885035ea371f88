"""What the guard remembers of its filesystems over a restart."""

from types import SimpleNamespace

import pytest

from nodeops.disk.guard.observe import Watch
from tests.unit.disk.samples import filesystem

PLACE = filesystem(50)


def watch(folder) -> Watch:
    return Watch(
        SimpleNamespace(
            forecast_file=str(folder / "forecast.json"),
            quorum_file=str(folder / "quorum.json"),
            acks_file=str(folder / "acks.jsonl"),
        ),
        None,
    )


def learned(one: Watch) -> list:
    return one._of(PLACE).forecaster.as_list()


def test_what_was_learned_is_there_after_a_restart_and_private(tmp_path):
    before = watch(tmp_path)
    for second in range(0, 3 * 86400, 600):
        before._of(PLACE).forecaster.observe(float(second), 1000 + second % 3600, PLACE.total)
    before.save()
    assert learned(watch(tmp_path)) == learned(before)
    assert (tmp_path / "forecast.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", [None, "", '{"/": {"version": 2, "now": 7.0, "habits": {"steps": [], "buckets": []}, "infancy": {}}}']
)
def test_what_is_not_there_damaged_or_of_an_earlier_version_is_learned_anew(tmp_path, text):
    if text is not None:
        (tmp_path / "forecast.json").write_text(text)
    begun = watch(tmp_path)
    assert learned(begun) == learned(watch(tmp_path / "none"))
    begun.save()
    assert learned(watch(tmp_path)) == learned(begun)


def test_without_room_nothing_is_kept_and_nothing_ends(tmp_path):
    lost = watch(tmp_path / "none")
    learned(lost)
    lost.save()
    assert not (tmp_path / "none").exists()
