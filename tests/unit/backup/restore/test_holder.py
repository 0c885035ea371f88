"""Who has the key on this host while its own node catches up: another node of its programs, which somebody started by hand."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodeops.backup.restore.plan import Holder
from nodeops.backup.restore.run import Restore
from nodeops.host.units import systemd
from tests.unit.firewall.samples import document

LISTENS = "import socket; one = socket.create_server(('127.0.0.1', 0)); print(flush=True); input()"
WAITS = "print(flush=True); input()"


@pytest.mark.parametrize(
    ("work", "own", "holder"),
    [(LISTENS, False, Holder.RUNNING), (LISTENS, True, Holder.HERE), (WAITS, False, Holder.HERE)],
    ids=["a second node", "the unit's own", "a question to it"],
)
def test_a_second_node_on_the_host_has_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, own: bool, holder: Holder
) -> None:
    program = tmp_path / "v1" / "cometbft"
    program.parent.mkdir()
    shutil.copy(Path(sys.executable).resolve(), program)
    node = document()
    paths = {**node.ledger.paths, "binaries": str(tmp_path), "binary": str(tmp_path / "current/cometbft")}
    restoring = SimpleNamespace(document=node.model_copy(update={"ledger": node.ledger.model_copy(update={"paths": paths})}))
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    with subprocess.Popen([program, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline()
        monkeypatch.setattr(systemd, "unit", lambda _: SimpleNamespace(pid=process.pid if own else os.getpid()))
        assert Restore._now_held(restoring, Holder.HERE) is holder  # type: ignore[arg-type]
        process.kill()
