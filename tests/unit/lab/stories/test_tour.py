"""The tour: which nodes it uses, which commands it shows, and what one changed byte is."""

from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.lab.stories.tour import change_one_byte, pick_nodes, steps, take_tour, what_next
from nodeops.lab.stories.vote import alone, revised, together
from tests.contract.rules.tree import ROOT

LAB = ROOT / "inventories/lab"
CONSORTIUM = load_consortium(LAB)


def test_it_writes_through_one_organisation_and_verifies_on_another() -> None:
    writer, verifier = pick_nodes(CONSORTIUM, sorted(CONSORTIUM.nodes))
    assert CONSORTIUM.nodes[writer].organisation != CONSORTIUM.nodes[verifier].organisation


@pytest.mark.parametrize("managed", [[], ["cu-1"], ["cu-1", "cu-2"]])
def test_it_needs_two_organisations(managed: list[str]) -> None:
    with pytest.raises(InputError, match="two organisations"):
        pick_nodes(CONSORTIUM, managed)


def test_only_the_changed_record_is_expected_to_fail(tmp_path: Path) -> None:
    record, changed = tmp_path / "a.csv", tmp_path / "changed" / "a.csv"
    tour = list(steps(LAB, [record], changed, ("cu-1", "wx-2")))
    assert [step.shows for step in tour if step.expects] == ["The changed record fails"]
    assert all(step.words[0] in ("nodeops", "ssh", "scp") for step in tour)


def test_another_revision_is_the_same_file_but_for_two_numbers(tmp_path: Path) -> None:
    text = (LAB / "consortium.yml").read_text()
    once, back = revised(text, "wi-2"), revised(revised(text, "wi-2"), "wi-2")
    assert [line for line in once.splitlines() if line not in text.splitlines()] == [
        "revision: 2",
        "  wi-2: {organisation: wanxiang-institute, duty: validator, power: 2, address: 172.30.0.32, site: shanghai}",
    ]
    assert back == text.replace("revision: 1\n", "revision: 3\n")
    with pytest.raises(InputError, match="each on a line"):
        revised(text, "nobody")


def test_as_many_agree_as_must_and_one_alone_is_told_no(tmp_path: Path) -> None:
    verbs = [step.words[2] for step in together(CONSORTIUM, LAB) if step.words[1] == "consortium"]
    assert verbs == ["diff", "propose", "show", "approve", "status"]
    lone = list(alone(CONSORTIUM, LAB, tmp_path))
    assert [step.words[2] for step in lone] == ["propose", "status", "reject", "reject", "status"]
    assert [step.expects for step in lone] == [0, 1, 0, 0, 0]


def test_exactly_one_byte_is_changed(tmp_path: Path) -> None:
    for record in sorted((LAB / "records").glob("*.csv")):
        before, after = record.read_bytes(), change_one_byte(record, tmp_path).read_bytes()
        assert len(before) == len(after)
        assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_lab_without_records_is_refused(tmp_path: Path) -> None:
    for name in ("consortium.yml", "lab.yml"):
        (tmp_path / name).write_text((LAB / name).read_text())
    with pytest.raises(InputError, match="no sample records"):
        take_tour(tmp_path)


def test_what_next_names_the_inventory_only_where_it_is_not_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "--inventory" not in what_next(Path("inventories/lab"), ("cu-1", "wx-2"))
    assert f"--inventory {tmp_path}" in what_next(tmp_path, ("cu-1", "wx-2"))
