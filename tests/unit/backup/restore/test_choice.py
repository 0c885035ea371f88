"""Which backup a restore takes, from a repository of the real engine, and what it says where another must be chosen."""

import json
import re
import shutil
from pathlib import Path

import pytest

from nodeops.backup.restic import Restic
from nodeops.backup.restore.plan import ANOTHER, WITHOUT, Mark
from nodeops.backup.restore.run import Order, Restore, chosen
from nodeops.core.errors import HostError, Refused
from tests.contract.rules.tree import ROOT
from tests.tiers import slow
from tests.unit.backup.samples import SECRET
from tests.unit.firewall.samples import document


class Dies(Restic):
    """An engine that is killed once its snapshot is made and not yet marked as whole."""

    def _mark_whole(self, *_: str) -> None:
        return


@pytest.fixture
def restore(tmp_path: Path, empty_repository: Path) -> Restore:
    """Return a restore on a host whose state and genesis are there, beside an empty repository."""
    shutil.copytree(empty_repository, tmp_path / "repository")
    engine = Restic({"RESTIC_PASSWORD": SECRET, "RESTIC_REPOSITORY": str(tmp_path / "repository")})
    found = document()
    own = {"validator_state": str(tmp_path / "state.json"), "genesis": str(tmp_path / "genesis.json")}
    (tmp_path / "genesis.json").write_text('{"chain_id": "this"}')
    made = Restore.__new__(Restore)
    made.document = found.model_copy(update={"ledger": found.ledger.model_copy(update={"paths": {**found.ledger.paths, **own}})})
    made.order = Order(made.document, lambda: engine)
    return made


def backed_up(restore: Restore, tag: str, state: int, whole: bool = True) -> None:
    paths = [Path(restore.document.ledger.paths[name]) for name in ("validator_state", "genesis")]
    paths[0].write_text(json.dumps({"height": str(state), "round": 0, "step": 3}))
    engine = restore.order.engine()
    made = engine if whole else Dies(engine._settings)
    made.backup([str(path) for path in paths], restore.document.node.name, {"class": "b", "height": tag})


@pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed: make test-tools")
@slow
def test_the_default_is_the_whole_backup_of_the_highest_block_whenever_it_was_made(restore: Restore) -> None:
    backed_up(restore, "40", 40)
    # Made later: by a node that was put back, by one that was killed before its backup was whole.
    backed_up(restore, "12", 12)
    backed_up(restore, "41", 41, whole=False)
    assert restore._backup_state("") == Mark(40, 0, 3)
    # One above any tip that peers show is taken too: then it is this tip that is refused, as `ahead`.
    backed_up(restore, "9000", 9000)
    assert restore._backup_state("") == Mark(9000, 0, 3)
    Path(restore.document.ledger.paths["genesis"]).write_text('{"chain_id": "another"}')
    with pytest.raises(Refused, match="of another chain") as refused:
        restore._backup_state("")
    assert ANOTHER in refused.value.hint


def test_where_there_is_none_it_says_how_to_do_without() -> None:
    with pytest.raises(HostError) as error:
        chosen([], "", "cu-1")
    assert WITHOUT in error.value.hint


def test_what_the_hints_name_is_a_variable_of_the_playbook_and_an_option_of_the_verb() -> None:
    playbook = (Path(ROOT) / "playbooks/tasks/restore.yml").read_text(encoding="utf-8")
    for said in (ANOTHER, WITHOUT):
        (name,) = re.findall(r"-e (\w+)=", said)
        assert f"'{re.findall(r'--[a-z]+', said)[0]}', {name}" in playbook
