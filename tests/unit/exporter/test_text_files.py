"""Custom metrics: a bad file is left out alone, and said."""

import os

import pytest

from nodeops.exporter.text_files import TextFileLook, collector, read_all
from nodeops.metrics.exposition import checked
from tests.unit.firewall.samples import document

GOOD = '# HELP shop_orders_total Orders.\n# TYPE shop_orders_total counter\nshop_orders_total{shop="a"} 3\n'


def values(folder):
    return {sample.labels["file"]: sample.value for sample in read_all(folder).samples if sample.name == "text_file_up"}


def test_no_folder_no_files(tmp_path):
    assert read_all(tmp_path / "absent").samples == []


def test_good_files_are_exported_with_their_age(tmp_path):
    (tmp_path / "shop.prom").write_text(GOOD)
    os.utime(tmp_path / "shop.prom", (1000, 1000))
    (tmp_path / "notes.txt").write_text("no metrics")
    (tmp_path / ".half-written.prom").write_text("nonsense")
    found = read_all(tmp_path)
    assert [family.name for family in found.families] == ["shop_orders"]
    assert {(one.name, one.value) for one in found.samples} == {("text_file_up", 1), ("text_file_timestamp_seconds", 1000)}


REFUSED = {
    "not the format": "shop_orders three\n",
    "a name of ours": "nodeops_ledger_up 0\n",
    "a timestamp": "shop_orders 3 1700000000000\n",
    "a series twice": 'orders{shop="a"} 1\norders{shop="a"} 2\n',
    "a name in two places": 'orders 1\nstaff 2\norders{shop="a"} 2\n',
    "too large": "# " + "x" * (300 << 10),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_bad_files_are_left_out_alone(tmp_path, text):
    (tmp_path / "bad.prom").write_text(text)
    (tmp_path / "good.prom").write_text("other 1\n")
    assert values(tmp_path) == {"bad.prom": 0, "good.prom": 1}
    assert [family.name for family in read_all(tmp_path).families] == ["other"]


def test_what_another_file_has_is_refused(tmp_path):
    (tmp_path / "a.prom").write_text(GOOD)
    (tmp_path / "b.prom").write_text(GOOD)
    assert values(tmp_path) == {"a.prom": 1, "b.prom": 0}


def test_pipes_links_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.prom")
    (tmp_path / "link.prom").symlink_to("/etc/passwd")
    (tmp_path / "folder.prom").mkdir()
    (tmp_path / "latin.prom").write_bytes(b"a\xff 1\n")
    assert set(values(tmp_path).values()) == {0}


def test_a_refusal_is_said_once(tmp_path, capfd):
    node = document()
    (tmp_path / "bad.prom").write_text("nodeops_x 1\n")
    look = TextFileLook()
    moved = node.model_copy(update={"paths": {**node.paths, "exporter_text_files": str(tmp_path)}})
    for _ in range(2):
        assert len(checked(look(moved), collector(look).name)) == 1
    assert capfd.readouterr().err.count("bad.prom is refused") == 1
