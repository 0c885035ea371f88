"""The revision that founds a chain is kept by the run that founds it, and no other file is taken for it."""

from pathlib import Path

import pytest
import yaml

from nodeops.consortium.kept import all_kept, keep_founding, kept_file, previous
from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.ledger.founding.genesis import genesis_text, make_genesis
from tests.unit.ledger.ledgerd_process import consortium
from tests.unit.ledger.made_keys import author_identity


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an inventory folder with a file and the genesis that was made of it."""
    tree = consortium().model_dump(mode="json", exclude_defaults=True)
    (tmp_path / "consortium.yml").write_text(yaml.safe_dump(tree))
    genesis = make_genesis(load_consortium(tmp_path), {"alpha-1": author_identity("alpha-1", "alpha")}, "2026-01-31T08:00:00Z")
    (tmp_path / "genesis.json").write_text(genesis_text(genesis))
    return tmp_path


def revise(folder: Path, **other: object) -> None:
    file = folder / "consortium.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **other}))


def test_the_next_revision_has_a_beginning(folder: Path) -> None:
    assert keep_founding(folder, load_consortium(folder)) == kept_file(folder, 1)
    assert keep_founding(folder, load_consortium(folder)) is None
    revise(folder, revision=2)
    assert previous(folder, load_consortium(folder)).revision == 1
    assert keep_founding(folder, load_consortium(folder)) is None
    assert not kept_file(folder, 2).exists()


def test_another_file_of_the_same_number_is_not_kept(folder: Path) -> None:
    revise(folder, threshold=1)
    assert keep_founding(folder, load_consortium(folder)) is None
    assert not kept_file(folder, 1).exists()


def test_without_a_genesis_nothing_is(folder: Path) -> None:
    (folder / "genesis.json").unlink()
    assert keep_founding(folder, load_consortium(folder)) is None
    revise(folder, revision=2)
    with pytest.raises(InputError, match="revision 1 was not kept"):
        previous(folder, load_consortium(folder))


def test_all_kept_revisions_are_read_and_one_that_is_damaged_is_left_out(folder: Path) -> None:
    keep_founding(folder, load_consortium(folder))
    kept_file(folder, 2).write_text("{")
    # Only what is there is read: a number from another member's folder is no count.
    kept_file(folder, 999_999_999).write_text("{")
    kept_file(folder, 10).write_text(yaml.safe_dump({**yaml.safe_load((folder / "consortium.yml").read_text()), "revision": 10}))
    assert [one.revision for one in all_kept(folder)] == [1, 10]
