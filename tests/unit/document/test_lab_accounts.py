"""Accounts whose key anybody can compute belong to labs, and to nothing else."""

import shutil
from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.document.check import checked_consortium
from nodeops.document.lab_accounts import lab_account
from nodeops.lab.keys import write_accounts
from nodeops.lab.spec import load_lab
from nodeops.lab.state import account_key_file
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.key_file import load_signing_key
from tests.contract.rules.tree import ROOT

LAB = ROOT / "inventories/lab"
MEMBERS = ("china-unicom", "wanxiang-blockchain", "wanxiang-institute")


def test_the_labs_keys_are_those_of_its_consortium_file(tmp_path: Path) -> None:
    assert load_lab(LAB).accounts == MEMBERS
    (tmp_path / ".lab").mkdir()
    write_accounts(tmp_path, MEMBERS)
    for name in MEMBERS:
        assert load_signing_key(tmp_path / account_key_file(name)).address == account_address(lab_account(name))


def test_a_key_that_stands_there_is_left(tmp_path: Path) -> None:
    path = tmp_path / account_key_file("alpha")
    path.parent.mkdir(parents=True)
    path.write_text("own")
    write_accounts(tmp_path, ["alpha"])
    assert path.read_text() == "own"


def test_a_real_inventory_with_a_labs_account_is_refused(tmp_path: Path) -> None:
    shutil.copy(LAB / "consortium.yml", tmp_path)
    with pytest.raises(InputError, match="whose key anybody can compute") as refused:
        checked_consortium(tmp_path)
    assert str(refused.value).count("anybody can compute") == len(MEMBERS)
    shutil.copy(LAB / "lab.yml", tmp_path)
    checked_consortium(tmp_path)


def test_organisations_have_different_keys() -> None:
    assert len({lab_account(name) for name in MEMBERS}) == len(MEMBERS)


def test_a_labs_key_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    """Exchanged among organisations, or as the key of an application."""
    text = (LAB / "consortium.yml").read_text()
    one, other, third = map(lab_account, MEMBERS)
    swapped = text.replace(one, "@").replace(other, one).replace("@", other)
    (tmp_path / "consortium.yml").write_text(
        swapped.replace(f'"{third}"', f'"{"A" * 43}="\n    record_keys: {{till: "{third}"}}')
    )
    with pytest.raises(InputError) as refused:
        checked_consortium(tmp_path)
    assert str(refused.value).count("anybody can compute") == len(MEMBERS)
