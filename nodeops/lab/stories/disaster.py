"""`nodeops lab disaster`: a validator's host is lost for good, and the validator comes back with its own key."""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

import typer

from nodeops.backup.credential import settings_file
from nodeops.backup.opened import judged, opened, published
from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError, InputError
from nodeops.core.finding import Verdict
from nodeops.core.result import Change, Result
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import INVENTORY_HELP, chosen, inventory_folder, managed_nodes
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.lab import containers
from nodeops.lab.lock import lock
from nodeops.lab.observe import observe
from nodeops.lab.progress import progress, running_engine
from nodeops.lab.saved.made_of import PROJECT
from nodeops.lab.spec import Lab, load_lab
from nodeops.lab.state import LAB_FOLDER, SSH_CONFIG_FILE, identity_file
from nodeops.lab.up import up
from nodeops.screen import console, plain_text

# What a custodian holds stays until the validator signs again: a run that was killed after the host was gone goes on.
_HELD = f"{LAB_FOLDER}/custody"
_SECONDS = 1800.0


@dataclass(frozen=True)
class Lost:
    """The node whose host is lost, and what is held of it outside: `held` is for this machine's owner alone."""

    lab: Lab
    document: NodeDocument
    held: Path

    @property
    def node(self) -> str:
        """Return its name."""
        return self.document.node.name

    @property
    def identity(self) -> Path:
        """Return where its public identity is; a lab forgets that of a host that is gone, an organisation keeps it."""
        return self.lab.folder / identity_file(self.node)

    @property
    def sealed(self) -> bool:
        """Tell whether its keys are held already."""
        return (self.held / "keys.age").is_file()


STEPS: Mapping[str, str] = {
    "custody": "its keys and what opens its backups, encrypted to an admin key made for this; opened again to see that they are",
    "disaster": "its container is removed with its disk",
    "host": "a fresh host of the same name and address",
    "restore": "playbooks/restore.yml: the key is used once the chain proves that nobody else signs with it",
}


def disaster(
    node: Annotated[str | None, typer.Argument(help="A validator of the lab; none: the first that is managed here.")] = None,
    inventory: Annotated[Path | None, typer.Option("--inventory", "-i", help=INVENTORY_HELP)] = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Lose a validator's host for good, and bring the validator back with its own key. Interrupted, it goes on where it was."""
    lost = _chosen(inventory_folder(inventory), node)
    out = console(stderr=True)
    changes = [Change(f"{lost.node}: {step}", why) for step, why in STEPS.items()]
    if not dry_run:
        for step in STEPS:
            out.print(plain_text(f"{lost.node}: {step}: {STEPS[step]}"), soft_wrap=True)
            _DO[step](lost)
        shutil.rmtree(lost.held)
    lines = [] if dry_run else [f"{lost.node} signs again; site.yml gives its host what a restore leaves out"]
    emit(Result({"node": lost.node, "dry_run": dry_run}, lines=lines, changes=changes), as_json)


def _chosen(folder: Path, node: str | None) -> Lost:
    lab = load_lab(folder)
    consortium, _ = checked_consortium(folder)
    validators = [name for name in managed_nodes(consortium, folder) if consortium.nodes[name].voting_power]
    name = node or (validators[0] if validators else "")
    if name not in validators:
        raise InputError(f"no such validator: {name or 'none is managed here'}", where="NODE", allowed=", ".join(validators))
    if not (folder / SSH_CONFIG_FILE).is_file():
        raise HostError("is not up", where=f"lab {lab.name}", hint=f"nodeops lab up --inventory {folder}")
    return Lost(lab, resolve(consortium, name, chosen(folder).choices), lab.folder / f"{_HELD}-{name}")


def _custody(lost: Lost) -> None:
    if lost.sealed:
        return
    if not lost.identity.is_file():
        raise HostError("is not a node yet", where=lost.node, hint="ansible-playbook site.yml")
    with tempfile.TemporaryDirectory(dir=lost.lab.folder / LAB_FOLDER) as made:
        at = Path(made) / "held"
        at.mkdir(mode=0o700)
        _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(at / "admin")])
        _seal(lost, at)
        shutil.copy(lost.identity, at / "identity.yml")
        found = judged(lost.node, opened(at / "keys.age", at / "admin"), published(lost.identity))
        if found.verdict is Verdict.FAIL:
            raise HostError(found.actual, where=lost.node, hint=found.hint)
        # All of it or nothing: the host is removed once it is there.
        at.rename(lost.held)


def _seal(lost: Lost, at: Path) -> None:
    """Stream the files of an archive from the host into age. What is not there is left out: a lab may have no repository."""
    paths = lost.document.ledger.paths
    files = [paths["node_key"], paths["validator_key"]]
    opening = [str(settings_file(lost.document)), lost.document.paths["backup_certificate"]]
    line = f"ls {shlex.join(opening)} 2>/dev/null | tar c --absolute-names --files-from=- {shlex.join(files)}"
    ssh = ["ssh", "-F", str(lost.lab.folder / SSH_CONFIG_FILE), lost.node, shlex.join(["sudo", "-n", "sh", "-c", line])]
    seal = ["age", "--encrypt", "--recipients-file", str(at / "admin.pub"), "--output", str(at / "keys.age")]
    with subprocess.Popen(ssh, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as streaming:
        _run(seal, stdin=streaming.stdout)
    if streaming.returncode:
        raise HostError(f"gave no keys: ssh left with code {streaming.returncode}", where=lost.node, hint="nodeops lab ssh")


def _remove(lost: Lost) -> None:
    """Remove the container that had the keys; a fresh one that an interrupted run made has none and stays."""
    with progress(f"removing {lost.node}") as say, lock(f"lab-{lost.lab.name}"):
        client = running_engine(say)
        gone = lost.held / "gone"
        for host in observe(client, lost.lab.name, lost.lab.folder).hosts:
            if host.node == lost.node and not gone.exists():
                containers.remove(client, host)
        gone.touch()


def _fresh(lost: Lost) -> None:
    with progress(f"lab {lost.lab.name}: looking") as say, lock(f"lab-{lost.lab.name}"):
        up(lost.lab, recreate=False, dry_run=False, say=say)
    lost.identity.parent.mkdir(exist_ok=True)
    shutil.copy(lost.held / "identity.yml", lost.identity)


def _restore(lost: Lost) -> None:
    given = {"restore_keys": str(lost.held / "keys.age"), "restore_identity": str(lost.held / "admin")}
    given |= {"restore_because": "nodeops lab disaster removed its container"}
    if settings_file(lost.document).name not in opened(lost.held / "keys.age", lost.held / "admin"):
        given |= {"restore_snapshot": "none"}
    play = [_beside("ansible-playbook"), "-i", str(lost.lab.folder / "consortium.yml"), str(PROJECT / "playbooks/restore.yml")]
    _run([*play, "--limit", lost.node, "--skip-tags", "hardening,disk", "--extra-vars", json.dumps(given)])


def _beside(program: str) -> str:
    return shutil.which(program, path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin") or program


def _run(argv: Sequence[str], stdin: IO[bytes] | None = None) -> None:
    """Run a command that a person sees at work."""
    try:
        done = subprocess.run(argv, stdin=stdin or subprocess.DEVNULL, timeout=_SECONDS, check=False)
    except OSError as error:
        raise HostError(f"cannot be started: {error.strerror}", where=argv[0], hint="make test-tools") from error
    if done.returncode:
        raise HostError(f"left with code {done.returncode}", where=argv[0], hint="what it says is above; run this again")


_DO: Mapping[str, Callable[[Lost], None]] = {"custody": _custody, "disaster": _remove, "host": _fresh, "restore": _restore}
