"""A restore that dies in front of every call that changes something, with and without a boot after it, and is run again.

Keys, quarantine, signing state, journal and receipts are real files. Stand-ins are systemd, which writes down what it was asked
to start with, and the chain, which stands still at a tip; both are real in molecule/restore.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.backup.restore.plan import Holder, Mark, Told
from nodeops.backup.restore.quarantine import Quarantine
from nodeops.backup.restore.run import Order, Restore
from nodeops.core.errors import Refused
from nodeops.document.models import NodeDocument
from nodeops.host.units import systemd
from nodeops.ledger.identity.files import Layout
from nodeops.receipts import book
from tests.tiers import slow
from tests.unit.backup.restore.test_plan import TIP, chain
from tests.unit.firewall.samples import document
from tests.unit.host.dying import dies_before
from tests.unit.ledger.made_keys import USED_STATE, node_key_file, pair, validator_key_file

ME = (os.getuid(), os.getgid())
OWN, WORDS = "a-1", "burnt down, seen by N. N."
KEYS = {"node_key.json": node_key_file(OWN), "priv_validator_key.json": validator_key_file(OWN)}
OLD = Mark(17, 0, 3)
# Some four times as many calls as a restore has.
MOST_STEPS = 100
# What `cometbft init --home FOLDER` leaves that is asked for here: throw-away keys and an unused state.
INIT = """#!/bin/sh
mkdir -p "$3/config" "$3/data"
echo other > "$3/config/node_key.json"; echo other > "$3/config/priv_validator_key.json"
echo '{"height": "0", "round": 0, "step": 0}' > "$3/data/state.json"
"""


class Box(Quarantine):
    """A quarantine whose drop-in stands in the test's folder."""

    @property
    def _drop_in(self) -> Path:
        return self.at.home.parent / "run" / "nodeops-restore.conf"


@dataclass(frozen=True)
class Host:
    """A host in a folder, and its only unit: whether it runs, is enabled, and each start with the keys that it found."""

    root: Path
    document: NodeDocument

    @property
    def box(self) -> Box:
        keys, data = self.root / "home/keys", self.root / "home/data"
        files = (keys, keys / "node_key.json", keys / "priv_validator_key.json", data, data / "state.json")
        return Box(self.document, Layout(*files, ME, ME))

    def unit(self, _: str) -> SimpleNamespace:
        active = (self.root / "active").exists()
        return SimpleNamespace(active=active, pid=4321 if active else 0)

    def systemctl(self, action: str, *_: str) -> None:
        if action in ("restart", "start"):
            (self.root / "active").touch()
            with (self.root / "starts").open("a") as file:
                file.write(json.dumps({"signs": self.signs(), "height": self.height()}) + "\n")
        elif action == "stop":
            (self.root / "active").unlink(missing_ok=True)
        elif action == "enable":
            (self.root / "enabled").touch()

    def boot(self) -> None:
        """Lose what is in memory; an enabled unit is started with what is there."""
        (self.root / "active").unlink(missing_ok=True)
        (self.root / "run/nodeops-restore.conf").unlink(missing_ok=True)
        if (self.root / "enabled").exists():
            self.systemctl("start")

    def signs(self) -> bool:
        return self.box.keys_in_place() and not self.box.observes()

    def height(self) -> int:
        state = self.box.local_state()
        return state.height if state else 0

    def starts(self) -> list[dict[str, int]]:
        file = self.root / "starts"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def keys(self) -> list[Path]:
        """Return the folders that hold this node's keys, whole."""
        folders = (self.root / "home/keys", self.root / "home/.restore/keys")
        return [one for one in folders if one.is_dir() and {path.name: path.read_bytes() for path in one.iterdir()} == KEYS]


class Standing(Restore):
    """A restore beside a chain that stands still at a tip and where nobody signs with the key."""

    def __init__(self, host: Host) -> None:
        self.order, self.report, self.document = Order(host.document, self._none, "none", WORDS), lambda _: None, host.document
        self.box = host.box
        self.known = SimpleNamespace(own_key=pair(OWN)[1])  # type: ignore[assignment]
        self.driver = SimpleNamespace(status=lambda: SimpleNamespace(height=TIP))  # type: ignore[assignment]

    def _none(self) -> None:  # type: ignore[override]
        raise AssertionError("no snapshot was asked for")

    def _facts(self, *given: object, **named: object) -> object:  # type: ignore[override]
        found = super()._facts(*given, **named)  # type: ignore[arg-type]
        return type(found)(**{**vars(found), "now": found.chain.blocks[0].seconds})

    def _chain(self) -> Told:
        return chain()

    def _now_held(self, holder: Holder) -> Holder:
        return holder

    def _catch_up(self) -> None:
        if not (self.box.observes() and systemd.unit("ledger").active):
            self.box.start_observer()

    def _watch(self) -> int:
        return TIP + 2


def fresh(folder: Path, in_place: bool) -> Host:
    """Return a host to which a custodian has streamed the keys, or on which they were all the time."""
    home = folder / "home"
    for name in ("data", "run", "state"):
        (folder / name if name != "data" else home / name).mkdir(parents=True)
    binary = folder / "program"
    binary.write_text(INIT)
    binary.chmod(0o755)
    made = document()
    ledger = made.ledger.model_copy(update={"paths": {**made.ledger.paths, "binary": str(binary), "data": str(home / "data")}})
    paths = {**made.paths, "backup_state": str(folder / "state")}
    host = Host(folder, made.model_copy(update={"ledger": ledger, "paths": paths}))
    (home / "data/state.json").write_bytes(USED_STATE)
    if in_place:
        (home / "data/blockstore.db").mkdir()
        (home / "keys").mkdir()
        for name, content in KEYS.items():
            (home / "keys" / name).write_bytes(content)
    else:
        host.box.receive(KEYS, pair(OWN)[1])
    return host


def restored(host: Host) -> Callable[[], None]:
    def work() -> None:
        systemd.unit, systemd.systemctl = host.unit, host.systemctl  # type: ignore[assignment]
        Standing(host).run()

    return work


@pytest.mark.parametrize("in_place", [False, True], ids=["streamed", "in place"])
def test_words_that_the_chain_proved_wrong_are_asked_for_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    """Somebody signs with the key after the restore began. Then that one is cut off, and as silent as a dead one."""
    host = fresh(tmp_path, in_place)
    monkeypatch.setattr(systemd, "unit", host.unit)
    monkeypatch.setattr(systemd, "systemctl", host.systemctl)
    monkeypatch.setattr(Standing, "_chain", lambda _: chain(TIP + 1, own=(TIP + 1,)))
    with pytest.raises(Refused, match="signs now"):
        Standing(host).run()
    monkeypatch.setattr(Standing, "_chain", lambda _: chain(TIP + 99))
    silent = Standing(host)
    silent.order = replace(silent.order, because="")
    with pytest.raises(Refused, match="may be alive and cut off"):
        silent.run()
    assert not host.signs()
    Standing(host).run()
    assert host.signs()


def test_keys_that_somebody_put_in_place_on_a_fresh_host_came_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = fresh(tmp_path, in_place=True)
    (host.root / "home/data/blockstore.db").rmdir()
    monkeypatch.setattr(systemd, "unit", host.unit)
    monkeypatch.setattr(systemd, "systemctl", host.systemctl)
    work = Standing(host)
    work.order = replace(work.order, because="")
    with pytest.raises(Refused, match="nobody has shown that the old holder of the key is dead"):
        work.run()
    assert not host.signs()


def judge(host: Host) -> None:
    """See what must hold at any moment: the keys are there once and whole, and nothing was started with them below the tip."""
    assert len(host.keys()) == 1
    assert (host.box.local_state() or Mark(0)) >= OLD
    assert [one for one in host.starts() if one["signs"] and one["height"] <= TIP] == []


@pytest.mark.parametrize("in_place", [False, pytest.param(True, marks=slow)], ids=["streamed", "in place"])
@pytest.mark.parametrize("boots", [pytest.param(False, marks=slow), True], ids=["killed", "power lost"])
def test_at_every_step_no_key_is_lost_none_signs_below_the_tip_and_the_next_run_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stride: int, in_place: bool, boots: bool
) -> None:
    for name in ("unit", "systemctl"):
        monkeypatch.setattr(systemd, name, getattr(systemd, name))
    for step in range(0, MOST_STEPS, stride):
        host = fresh(tmp_path / str(step), in_place)
        died = dies_before(step, restored(host))
        judge(host)
        if boots:
            host.boot()
            judge(host)
        if died:
            finish(host)
        judge(host)
        ended(host, in_place)
        if not died:
            break
    else:
        pytest.fail(f"a restore of more than {MOST_STEPS} steps")
    assert step > 15, "too few steps to be a restore"


def finish(host: Host) -> None:
    try:
        restored(host)()
    except Refused as refused:
        # It had come to its end but for the journal, and runs.
        assert "in use on this host" in refused.what and host.signs()


def ended(host: Host, in_place: bool) -> None:
    """See that the validator runs with its own keys above the tip, at boot too, nothing waits for a restore, and the book."""
    assert host.signs() and host.unit("").active and host.height() > TIP
    assert (host.root / "enabled").exists()
    assert not host.box.folder.exists()
    receipts = list(book.receipts(host.root / "state/receipts.jsonl"))
    assert (WORDS in receipts[0].note) is not in_place
    assert receipts[-1].state == "done"
