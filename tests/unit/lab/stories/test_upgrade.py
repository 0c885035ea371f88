"""Another release of the same source, the revision that names it, and how the longest gap is counted."""

import pytest

from nodeops.artifacts.own_source import read_source
from nodeops.artifacts.plan import FolderBuild
from nodeops.core.errors import InputError
from nodeops.document.load import load_consortium
from nodeops.document.profile import load_profile
from nodeops.lab.stories.upgrade import Told, next_patch, renamed, revised
from tests.contract.rules.tree import ROOT

LAB = ROOT / "inventories/lab"


def test_the_release_after_the_newest_known_one_may_run_beside_it() -> None:
    known = max(load_profile("cosmos").releases)
    assert next_patch(known).rpartition(".")[0] == known.rpartition(".")[0]
    assert next_patch("v1.2.9") == "v1.2.10"
    with pytest.raises(InputError, match="no patch release"):
        next_patch("v1")


def test_a_name_is_all_that_differs() -> None:
    source = read_source("ledgerd")
    known = max(load_profile("cosmos").releases)
    other = renamed(source, known, "v9.9.9")
    changed = [path for path in source.files if source.files[path] != other.files[path]]
    assert changed == ["upgrade.go"]
    assert renamed(other, "v9.9.9", known) == source


def test_a_source_that_does_not_say_its_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"does not say that it is v0\.1\.0"):
        renamed(FolderBuild("x", {"main.go": b"package main"}), "v0.1.0", "v0.1.1")


def test_the_next_revision_differs_in_two_places() -> None:
    text = (LAB / "consortium.yml").read_text(encoding="utf-8")
    version = load_consortium(LAB).ledger.version
    other = revised(text, next_patch(version))
    changed = [line for line in other.splitlines() if line not in text.splitlines()]
    assert len(changed) == 2
    assert "revision: 2" in changed
    assert f"version: {next_patch(version)}," in changed[1]


def test_the_longest_gap_is_between_neighbours() -> None:
    assert Told(blocks={3: 30.0, 1: 10.0, 2: 14.0}).longest_gap == 16.0
    assert Told().longest_gap == 0.0
