"""A host is retired: what is refused, in which order it is done, and that a run killed anywhere is gone on with."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import InputError, NodeopsError, Refused
from nodeops.ledger.identity.files import shred
from nodeops.lifecycle import retire
from nodeops.lifecycle.retire_plan import DAMAGED, Order, Seen, archive_of, plan, require_allowed

FILES = ("keys/priv_validator_key.json", "keys/node_key.json")
SEEN = Seen("n-1", False, True, ("nodeops-mesh.service",), FILES, "K", (100, 0))
KEPT, SHREDDED, ARCHIVED = (Order("n-1", keys, 100, "K") for keys in ("kept", "shredded", "archived"))
REFUSED = {
    "it has power, it says, at a newer block": (replace(SEEN, votes=(101, 1)), SHREDDED),
    "it has power at the block that was proven": (replace(SEEN, votes=(100, 1)), SHREDDED),
    "a node that was renamed": (replace(SEEN, node="n-2"), SHREDDED),
    "another key": (replace(SEEN, validator_key="L"), KEPT),
    "a damaged key before anything began": (replace(SEEN, validator_key=DAMAGED), SHREDDED),
    "a restore is not over": (replace(SEEN, restoring=True), KEPT),
    "keys that began to go": (replace(SEEN, begun="shredded"), KEPT),
}
ALLOWED = {
    "no power": (SEEN, SHREDDED),
    "power at an older block: it was cut off before it heard": (replace(SEEN, votes=(99, 1)), SHREDDED),
    "a ledger that is down": (replace(SEEN, votes=None), SHREDDED),
    "no key any more": (replace(SEEN, validator_key=None), SHREDDED),
    "kept first, shredded later": (replace(SEEN, begun="kept"), SHREDDED),
    "killed while it overwrote the key": (replace(SEEN, begun="shredded", validator_key=DAMAGED), SHREDDED),
}


@pytest.mark.parametrize(("seen", "order"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(seen: Seen, order: Order) -> None:
    with pytest.raises(Refused):
        require_allowed(seen, order)


@pytest.mark.parametrize(("seen", "order"), ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed(seen: Seen, order: Order) -> None:
    require_allowed(seen, order)


def test_an_archive_must_be_named_once() -> None:
    with pytest.raises(InputError):
        archive_of(SEEN, ARCHIVED)
    with pytest.raises(InputError):
        archive_of(SEEN, replace(ARCHIVED, archive="custody.age"))
    digest = "a" * 64
    assert archive_of(SEEN, replace(ARCHIVED, archive=digest)) == digest
    assert archive_of(replace(SEEN, archive=digest, begun="archived"), ARCHIVED) == digest


DONE = replace(SEEN, masked=True, runs=False, units=())
PLANS = {
    "all": (SEEN, SHREDDED, ["mask ledger", "disable nodeops-mesh.service", *(f"shred {file}" for file in FILES)]),
    "keys stay": (SEEN, KEPT, ["mask ledger", "disable nodeops-mesh.service"]),
    "the rest of a run that was killed": (replace(DONE, files=FILES[1:]), SHREDDED, [f"shred {FILES[1]}"]),
    "it runs although it is masked": (replace(DONE, runs=True), KEPT, ["mask ledger"]),
    "done": (replace(DONE, files=()), SHREDDED, []),
    "done, keys kept": (DONE, KEPT, []),
}


@pytest.mark.parametrize(("seen", "order", "steps"), PLANS.values(), ids=PLANS)
def test_the_plan(seen: Seen, order: Order, steps: list[str]) -> None:
    assert [change.what for change in plan(seen, order)] == steps


def test_a_shredded_file_was_overwritten_before_it_went(tmp_path: Path) -> None:
    file, other = tmp_path / "key", tmp_path / "the same blocks"
    file.write_bytes(b"secret" * 50)
    os.link(file, other)
    shred(file)
    assert not file.exists()
    assert len(other.read_bytes()) == 300
    assert b"secret" not in other.read_bytes()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "key").symlink_to(tmp_path / "target")
    with pytest.raises(NodeopsError):
        shred(tmp_path / "key")
    assert (tmp_path / "target").read_bytes() == b"secret"


class _Host:
    """A host in a folder: units are files, and the process is killed before the step of a number."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.document = folder, _Document(folder)
        for name in ("priv_validator_key.json", "node_key.json"):
            (folder / name).write_bytes(b"secret")
        monkeypatch.setattr(retire, "observe", self.observe)
        monkeypatch.setattr(retire, "_carry_out", self.carry_out)
        self.dies_before = -1

    def observe(self, _: object, key: str) -> Seen:
        files = tuple(str(self.folder / name) for name in ("priv_validator_key.json", "node_key.json"))
        masked, begun = (self.folder / "masked").exists(), retire._begun(self.document, key).get("keys")  # type: ignore[arg-type]
        there = tuple(file for file in files if Path(file).exists())
        return Seen("n-1", masked, not masked, (), there, "K" if files[0] in there else None, None, "", begun)

    def carry_out(self, _: object, change: object) -> None:
        if self.dies_before == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.dies_before -= 1
        action, what = change.what.split(" ", 1)  # type: ignore[attr-defined]
        if action == "mask":
            (self.folder / "masked").touch()
        else:
            shred(Path(what))

    def dies(self, before: int) -> None:
        child = os.fork()
        if child == 0:
            self.dies_before = before
            retire.retire(self.document, SHREDDED, dry_run=False)  # type: ignore[arg-type]
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


class _Document:
    def __init__(self, folder: Path) -> None:
        self.paths = {"state": str(folder)}
        self.node = self
        self.name = "beta-1"


def test_what_began_for_another_key_says_nothing_of_this_one(tmp_path: Path) -> None:
    """A host that was retired once and used again has new keys, in no archive yet."""
    document = _Document(tmp_path)
    retire._note(document, "retire", {"keys": "archived", "archive": "a" * 64, "validator_key": "before"})  # type: ignore[arg-type]
    assert retire._begun(document, "K") == {}  # type: ignore[arg-type]
    assert retire._begun(document, "before")["keys"] == "archived"  # type: ignore[arg-type]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_run_that_is_killed_at_any_step_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    host = _Host(tmp_path, monkeypatch)
    host.dies(before)
    changes, receipt = retire.retire(host.document, SHREDDED, dry_run=False)  # type: ignore[arg-type]
    assert len(changes) == 3 - before
    assert (receipt["kind"], receipt["data"]["keys"]) == ("retired", "shredded")
    assert not list(tmp_path.glob("*.json"))
    again = retire.retire(host.document, SHREDDED, dry_run=False)  # type: ignore[arg-type]
    assert again == ([], receipt)
    kinds = [note.kind for note in retire.notes.read(tmp_path / "retired.jsonl")[0]]
    assert kinds == ["retire", "retired"]
