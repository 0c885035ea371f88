"""The inventory folder: where it is, what its organisation chose, which nodes it manages."""

import pytest

from nodeops.core.errors import InputError
from nodeops.document.inventory import chosen, inventory_folder, managed_nodes
from nodeops.document.load import load_consortium
from tests.unit.document.written import inventory

CHOICES = "nodeops_manages: [maker]\nnodeops_choices: {log_level: debug}\nanything_else: 1\n"


def test_a_folder_or_its_file_may_be_named(tmp_path):
    folder = inventory(tmp_path)
    assert inventory_folder(folder) == folder
    assert inventory_folder(folder / "consortium.yml") == folder


def test_this_folder_is_the_default_and_then_the_lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventories").mkdir()
    inventory(tmp_path / "inventories/lab")
    assert inventory_folder(None).resolve() == tmp_path / "inventories/lab"
    inventory(tmp_path)
    assert inventory_folder(None).resolve() == tmp_path


def test_no_consortium_file_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in (None, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"no consortium\.yml"):
            inventory_folder(given)


def test_choices_are_read(tmp_path):
    found = chosen(inventory(tmp_path, choices=CHOICES))
    assert found.manages == ("maker",)
    assert found.choices == {"log_level": "debug"}


def test_the_genesis_that_was_agreed_on_is_read(tmp_path):
    assert chosen(inventory(tmp_path, choices=CHOICES)).genesis is None
    assert chosen(inventory(tmp_path, choices=f'nodeops_genesis: "{"1" * 64}"\n')).genesis == "1" * 64


@pytest.mark.parametrize("text", [None, "", "---\n", "other: 1\n"])
def test_without_choices_nothing_is_managed(tmp_path, text):
    folder = inventory(tmp_path, choices=text)
    assert (chosen(folder).manages, chosen(folder).choices) == ((), {})
    assert managed_nodes(load_consortium(folder), folder) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nodeops_manages: maker\n", "not a list of organisation names"),
        ("nodeops_manages: [1]\n", "not a list of organisation names"),
        ("nodeops_manages: {maker: 1}\n", "not a list of organisation names"),
        ("nodeops_choices: [1]\n", "nodeops_choices is not a mapping"),
        ("nodeops_genesis: abc\n", "nodeops_genesis is not a SHA-256"),
        (f"nodeops_genesis: {'1' * 64}\n", "64 hex digits in quotes"),
        ("- nodeops_manages\n", "is not a mapping of variables"),
        ("nodeops_manages: [\n", "all.yml:"),
    ],
)
def test_wrong_choices_are_errors(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        chosen(inventory(tmp_path, choices=text))
    assert said in str(caught.value)


def test_only_our_organisations_nodes_are_managed(tmp_path):
    folder = inventory(tmp_path, choices=CHOICES)
    assert managed_nodes(load_consortium(folder), folder) == ["mak-1", "mak-2", "mak-3"]


def test_an_unknown_organisation_to_manage_is_an_error(tmp_path):
    folder = inventory(tmp_path, choices="nodeops_manages: [maker, makr]\n")
    with pytest.raises(InputError, match="unknown organisations: makr") as caught:
        managed_nodes(load_consortium(folder), folder)
    assert caught.value.allowed == "telecom, maker"


def test_an_organisation_that_left_manages_nothing_and_is_no_mistake(tmp_path):
    folder = inventory(tmp_path, choices="nodeops_manages: [makr]\n")
    (folder / "revisions").mkdir()
    (folder / "revisions" / "2.yml").write_text("---\norganisations: {makr: {}, telecom: {}}\n")
    (folder / "revisions" / "1.yml").write_text("{")
    assert managed_nodes(load_consortium(folder), folder) == []
    (folder / "revisions" / "2.yml").write_text("---\norganisations:\n")
    with pytest.raises(InputError, match="unknown organisations: makr"):
        managed_nodes(load_consortium(folder), folder)
