"""Custom metrics: a bad file is left out alone, and said."""

import os
import time

import pytest
from prometheus_client.exposition import generate_latest

from nodeops.exporter.server import _Families
from nodeops.exporter.text_files import TextFileLook, collector, read_all
from nodeops.metrics.exposition import checked
from tests.unit.firewall.samples import document

GOOD = '# HELP shop_orders_total Orders.\n# TYPE shop_orders_total counter\nshop_orders_total{shop="a"} 3\n'


def values(folder):
    return {sample.labels["file"]: sample.value for sample in read_all(folder).samples if sample.name == "text_file_up"}


def test_no_folder_no_files(tmp_path):
    found = read_all(tmp_path / "absent")
    assert (found.families, found.refused) == ([], {})
    assert [(one.name, one.value) for one in found.samples] == [("text_files_left_out", 0)]


def test_good_files_are_exported_with_their_age(tmp_path):
    (tmp_path / "shop.prom").write_text(GOOD)
    os.utime(tmp_path / "shop.prom", (1000, 1000))
    (tmp_path / "notes.txt").write_text("no metrics")
    (tmp_path / ".half-written.prom").write_text("nonsense")
    found = read_all(tmp_path)
    assert [family.name for family in found.families] == ["shop_orders"]
    assert {(one.name, one.value) for one in found.samples} == {
        ("text_file_up", 1),
        ("text_file_timestamp_seconds", 1000),
        ("text_files_left_out", 0),
    }


REFUSED = {
    "not the format": "shop_orders three\n",
    "a name of ours": "nodeops_ledger_up 0\n",
    "a timestamp": "shop_orders 3 1700000000000\n",
    "a series twice": 'orders{shop="a"} 1\norders{shop="a"} 2\n',
    "a name in two places": 'orders 1\nstaff 2\norders{shop="a"} 2\n',
    "too large": "# " + "x" * (300 << 10),
    "more samples than a monitor takes": "# TYPE orders gauge\n" + "".join(f'orders{{shop="{one}"}} 1\n' for one in range(1001)),
    "what the parser fails at": '{"x.y", ="b"} 1\n',
    "a name of ours when it is written": '{"nodeops.ledger_up"} 0\n',
    "a name of ours as a label": '{__name__="nodeops_ledger_up"} 0\n',
    "a name of ours after its type": "# TYPE x info\nx 1\n# TYPE nodeops_ledger info\nnodeops_ledger_info 1\n",
    "a name of ours by what is appended": "# TYPE nodeops info\nnodeops_info 1\n",
    "a name in another script": '{"ordérs"} 1\n',
    "a name of a recording rule": "job:orders:rate5m 1\n",
    "an alert": 'ALERTS{alertname="LedgerDown",alertstate="firing"} 1\n',
    "since when an alert": 'ALERTS_FOR_STATE{alertname="LedgerDown"} 1\n',
    "whether the host answers": "up 1\n",
    "how a scrape went": "scrape_duration_seconds 1\n",
    "a label with a dot": 'orders{"a.b"="c"} 1\n',
    "a label of Prometheus": 'orders{__address__="c"} 1\n',
    "a label too long": f'orders{{shop="{"é" * 101}"}} 1\n',
    "labels too many": "orders{" + ",".join(f'l{one}="x"' for one in range(21)) + "} 1\n",
    "a name too long": "o" * 101 + " 1\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_bad_files_are_left_out_alone(tmp_path, text):
    (tmp_path / "bad.prom").write_text(text)
    (tmp_path / "good.prom").write_text("other 1\n")
    assert values(tmp_path) == {"bad.prom": 0, "good.prom": 1}
    assert [family.name for family in read_all(tmp_path).families] == ["other"]


def test_all_files_together_have_a_bound_and_the_one_that_passes_it_is_left_out(tmp_path):
    for name, count in (("a", 600), ("b", 500), ("c", 400)):
        lines = (f'{name}{{shop="{one}"}} 1\n' for one in range(count))
        (tmp_path / f"{name}.prom").write_text(f"# TYPE {name} gauge\n" + "".join(lines))
    found = read_all(tmp_path)
    assert sum(len(family.samples) for family in found.families) == 1000
    assert set(found.refused) == {"b.prom"}
    assert found.refused["b.prom"] == "has 500 samples; 1000 are allowed in all files, 400 of them are left"


def test_bytes_too_have_a_bound_in_all_files(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.prom").write_text(f"{name} 1\n# " + "x" * (120 << 10))
    assert values(tmp_path) == {"a.prom": 1, "b.prom": 1, "c.prom": 0}


def test_a_file_of_names_alone_takes_no_time(tmp_path):
    (tmp_path / "types.prom").write_text("".join(f"# TYPE a{one} gauge\n" for one in range(12_000)))
    began = time.process_time()
    assert values(tmp_path) == {"types.prom": 1}
    assert time.process_time() - began < 3


def test_what_is_exported_is_named_as_it_was_judged(tmp_path):
    summary = '# TYPE t summary\nt{quantile="0.5"} 1\nt_sum 1\nt_count 2\n'
    text = GOOD + summary + '# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 2\n'
    (tmp_path / "shop.prom").write_text(text)
    found = read_all(tmp_path)
    assert found.refused == {}
    written = {
        line.partition("{")[0].partition(" ")[0] for line in generate_latest(_Families(found.families)).decode().splitlines()
    }
    assert written - {"#"} == {"shop_orders_total", "t", "t_sum", "t_count", "h_bucket", "h_sum", "h_count"}


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
        assert len(checked(look(moved), collector(look).name)) == 2
    assert capfd.readouterr().err.count("bad.prom is refused") == 1


LEFT_OUT = {
    "fifty": ([f"{number:02}.prom" for number in range(50)], 50, 0),
    "one more": ([f"{number:02}.prom" for number in range(51)], 50, 1),
    "a name too long": (["x" * 96 + ".prom", "a.prom"], 1, 1),
    "two names that begin alike": (["x" * 120 + "1.prom", "x" * 120 + "2.prom", "a.prom"], 1, 2),
    "a name that steers a terminal": (["\x1b[2J.prom", "a.prom"], 1, 1),
    "a name that is no text": (["\udcff.prom", "a.prom"], 1, 1),
}


@pytest.mark.parametrize(("names", "read", "left_out"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_files_that_are_not_read_are_counted_and_said_in_one_line(tmp_path, capfd, names, read, left_out):
    for number, name in enumerate(names):
        (tmp_path / name).write_text(f"metric_{number} 1\n")
    node, look = document(), TextFileLook()
    moved = node.model_copy(update={"paths": {**node.paths, "exporter_text_files": str(tmp_path)}})
    for _ in range(2):
        samples = checked(look(moved), collector(look).name)
    assert [one.value for one in samples if one.name == "text_files_left_out"] == [left_out]
    assert len(look.families) == read == sum(one.name == "text_file_up" and one.value for one in samples)
    said = capfd.readouterr().err.splitlines()
    assert len(said) == (1 if left_out else 0)
    assert all(f"is refused: is one of {left_out} that are not read; 50 files are allowed" in line for line in said)
