"""The catalogue refuses rows that would mislead, and finds what is asked for."""

import pytest

from nodeops.core.errors import InputError
from nodeops.metrics.catalogue import catalogue, joined, metric, parsed

GOOD = {"type": "gauge", "help": "What it says.", "why": "what for", "cost": "1"}


def written(name: str, **changes: str) -> str:
    rows = {**GOOD, **changes}
    return f"[{name}]\n" + "\n".join(f"{key} = {value!r}" for key, value in rows.items())


def test_a_row_is_read():
    assert parsed("disk", written("disk_free_bytes"))["disk_free_bytes"].full_name == "nodeops_disk_free_bytes"


REFUSED = {
    "counter without its end": ("disk_cuts", {"type": "counter"}, "ends in '_total'"),
    "gauge with a counter's end": ("disk_cuts_total", {}, "neither _total nor _info"),
    "info without its end": ("build", {"type": "info"}, "ends in '_info'"),
    "no base unit": ("disk_wait_ms", {}, "is no base unit"),
    "no base unit in a counter": ("disk_wait_minutes_total", {"type": "counter"}, "is no base unit"),
    "a share in percent": ("disk_used_percent", {}, "is no base unit"),
    "unknown type": ("disk_free", {"type": "histogram"}, "gauge"),
    "unknown key": ("disk_free", {"color": "red"}, "Extra inputs"),
    "upper case": ("Disk", {}, "pattern"),
    "no reason": ("disk_free", {"why": ""}, "at least 3"),
    "cost in words": ("disk_free", {"cost": "few"}, "pattern"),
}


@pytest.mark.parametrize(("name", "changes", "said"), REFUSED.values(), ids=REFUSED)
def test_rows_that_mislead_are_refused(name, changes, said):
    with pytest.raises(InputError, match=said):
        parsed("disk", written(name, **changes))


def test_what_is_not_toml_is_refused():
    with pytest.raises(InputError, match="is not TOML"):
        parsed("disk", "[a")


def test_a_metric_that_two_collectors_have_is_refused():
    with pytest.raises(InputError, match="stands twice, in disk and host"):
        joined(parsed(collector, written("disk_free_bytes")) for collector in ("disk", "host"))


def test_a_metric_is_found_with_and_without_the_prefix():
    assert metric("nodeops_ledger_up") is metric("ledger_up") is catalogue()["ledger_up"]


def test_a_wrong_name_says_what_there_is():
    with pytest.raises(InputError) as error:
        metric("nodeops_ledger_hight")
    assert "ledger_height_blocks" in (error.value.allowed or "")


UNITS = {"disk_free_bytes": "bytes", "cpu_seconds_total": "seconds", "ledger_up": None, "disk_used_ratio": "ratio"}


@pytest.mark.parametrize(("name", "unit"), UNITS.items())
def test_the_name_says_the_unit(name, unit):
    row = written(name, type="counter" if name.endswith("_total") else "gauge")
    assert parsed("disk", row)[name].unit == unit
