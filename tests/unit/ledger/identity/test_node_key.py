"""Another key for peers: made once, only in the place of the one that was let go; a killed run is ended by the next one."""

import json
import os

import pytest

from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.ledger.identity.files import Layout, ensure
from nodeops.ledger.identity.findings import key_findings
from nodeops.ledger.identity.node_key import NEW, OLD, made_node_key, replace_node_key
from tests.unit.host.dying import dies_before
from tests.unit.ledger.identity.test_files import at, binary, mode, shown

__all__ = ["at", "binary"]
NONE: dict[str, str] = {}


def test_a_key_is_replaced_once_noted_and_only_where_its_id_was_let_go(at: Layout, binary):
    ensure(at, binary)
    first, book = shown(at), []
    assert replace_node_key(at, "0" * 40, book.append) == []
    assert [change.what for change in replace_node_key(at, first.node_id, book.append, dry_run=True)] == [str(at.node_key)]
    assert (shown(at), book) == (first, [])
    assert [change.before for change in replace_node_key(at, first.node_id, book.append)] == [first.node_id]
    second = shown(at)
    assert second.node_id != first.node_id
    assert second.model_copy(update={"node_id": ""}) == first.model_copy(update={"node_id": ""})
    assert book == [{"key": "node key", "old": first.node_id, "new": second.node_id}]
    assert (mode(at.node_key), {one.verdict for one in key_findings(at)}) == (0o600, {Verdict.PASS})
    assert replace_node_key(at, first.node_id, book.append) == []
    assert (shown(at), len(book)) == (second, 1)
    assert not list(at.home.glob(".node-key*"))


def test_killed_before_any_step_it_is_ended_by_the_next_run(at: Layout, binary, stride: int):
    ensure(at, binary)
    before, validator = at.node_key.read_bytes(), at.validator_key.read_bytes()
    old, step, book = shown(at).node_id, 0, at.home / "book"
    calls = [(os, "link"), (os, "write")]

    def note(data) -> None:
        lines = book.read_text().splitlines() if book.exists() else []
        if json.dumps(data) not in lines[-1:]:
            book.write_text("\n".join([*lines, json.dumps(data)]) + "\n")

    while dies_before(step, lambda: replace_node_key(at, old, note), calls):
        assert shown(at).validator_key.value
        replace_node_key(at, old, note)
        new = shown(at).node_id
        assert new != old
        assert [json.loads(line) for line in book.read_text().splitlines()] == [{"key": "node key", "old": old, "new": new}]
        assert not [one for one in at.home.iterdir() if one.name in (NEW, OLD)]
        assert at.validator_key.read_bytes() == validator
        at.node_key.write_bytes(before)
        book.unlink()
        step += stride
    assert step > 4


def test_a_second_name_of_the_key_in_place_is_never_overwritten(at: Layout, binary):
    ensure(at, binary)
    (at.home / OLD).hardlink_to(at.node_key)
    before = shown(at)
    assert replace_node_key(at, "0" * 40, NONE.update) == []
    assert shown(at) == before


def test_a_damaged_key_is_a_clear_error(at: Layout, binary):
    ensure(at, binary)
    at.node_key.write_bytes(made_node_key()[:-9])
    with pytest.raises(HostError, match="is damaged"):
        replace_node_key(at, "0" * 40, NONE.update)
