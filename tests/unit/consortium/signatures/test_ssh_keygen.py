"""A revision agreed to by signatures, with the real ssh-keygen: whose count, and for what."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nodeops.consortium.signatures.ssh_keygen import make, signatures_folder, signed
from nodeops.core.errors import HostError, InputError
from nodeops.document.models import Consortium
from tests.unit.consortium.samples import changed, tree, witness

Keys = Mapping[str, Path]
NAMES = ("alpha", "beta", "gamma", "old-beta")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    for name in NAMES:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(words, check=True, timeout=30)
    return {name: folder / name for name in NAMES}


def admins(keys: Keys, **other: str) -> Callable[[dict[str, Any]], None]:
    """Give each organisation its admin's key; `other` names another key for one."""

    def change(new: dict[str, Any]) -> None:
        for name, organisation in new["organisations"].items():
            organisation["admins"] = [keys[other.get(name, name)].with_suffix(".pub").read_text().strip()]

    return change


def first(keys: Keys, **other: str) -> Consortium:
    start = tree()
    admins(keys, **other)(start)
    return Consortium.model_validate(start)


def second(keys: Keys, *changes: Callable[[dict[str, Any]], Any], **other: str) -> Consortium:
    start = tree()
    admins(keys, **other)(start)
    return changed(witness("gamma-2", "gamma"), *changes, since=start)


def test_two_of_three_put_it_in_force_and_one_does_not(keys: Keys, tmp_path: Path) -> None:
    old, new = first(keys), second(keys)
    make(tmp_path, keys["alpha"], old, new)
    one = signed(tmp_path, old, new)
    assert (one.enough, sorted(one.organisations), one.needed) == (False, ["alpha"], 2)
    make(tmp_path, keys["beta"], old, new)
    assert signed(tmp_path, old, new).enough


def test_the_founding_revision_is_signed_by_its_own_admins(keys: Keys, tmp_path: Path) -> None:
    for name in ("alpha", "gamma"):
        make(tmp_path, keys[name], None, first(keys))
    assert signed(tmp_path, None, first(keys)).enough


def test_an_organisation_counts_once(keys: Keys, tmp_path: Path) -> None:
    old, new = first(keys), second(keys)
    for name in ("alpha", "alpha"):
        file = make(tmp_path, keys[name], old, new)
        file.rename(file.with_name(f"again-{file.name}"))
    make(tmp_path, keys["alpha"], old, new)
    assert signed(tmp_path, old, new).organisations == {"alpha"}


def copied(tmp_path: Path, revision: int, to: int) -> None:
    target = signatures_folder(tmp_path, to)
    target.mkdir(parents=True, exist_ok=True)
    for file in signatures_folder(tmp_path, revision).glob("*.sig"):
        (target / file.name).write_bytes(file.read_bytes())


def test_signatures_of_another_step_count_for_nothing(keys: Keys, tmp_path: Path) -> None:
    """Replayed, forked, one byte changed: each is another text."""
    old, new = first(keys), second(keys)
    for name in ("alpha", "beta"):
        make(tmp_path, keys[name], old, new)
    byte = second(keys, lambda one: one["nodes"]["gamma-2"].update(site="hall 2"))
    fork = first(keys, beta="gamma")
    third = changed(since=new.model_dump(mode="json"))
    copied(tmp_path, 2, 3)
    for since, to in ((old, byte), (fork, new), (new, third)):
        found = signed(tmp_path, since, to)
        assert found.organisations == frozenset(), (since.revision, to.revision)
        assert len(found.refused) == 2


def test_a_key_that_the_revision_before_took_out_signs_nothing(keys: Keys, tmp_path: Path) -> None:
    old, new = first(keys), second(keys, beta="old-beta")
    with pytest.raises(InputError, match="is no admin's key"):
        make(tmp_path, keys["old-beta"], old, new)
    # Its signature, made all the same, does not count either.
    make(tmp_path, keys["old-beta"], first(keys, beta="old-beta"), new)
    copied(tmp_path, 2, 2)
    assert signed(tmp_path, old, new).organisations == frozenset()


def test_what_is_no_signature_is_named(keys: Keys, tmp_path: Path) -> None:
    folder = signatures_folder(tmp_path, 2)
    folder.mkdir(parents=True)
    (folder / "x.sig").write_bytes(b"\x00" * 100)
    assert signed(tmp_path, first(keys), second(keys)).refused[0].startswith("x.sig: is no signature")


def test_a_key_that_is_none_is_named(keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="ssh-keygen does not sign"):
        make(tmp_path, tmp_path / "absent", first(keys), second(keys))
