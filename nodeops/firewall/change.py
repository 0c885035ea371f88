"""Put new rules on trial, keep them once they are proved, or take them back."""

from pathlib import Path

from nodeops.core.errors import HostError, Refused
from nodeops.document.models import HostDocument
from nodeops.firewall import proof
from nodeops.firewall.drift_rules import Seen
from nodeops.firewall.live import NFT, load, loaded, normalised, require_readable, script_of
from nodeops.firewall.observe import NAME, UNIT, WATCH, confirmed_file, state_folder
from nodeops.host import trial
from nodeops.host.files import write_atomic
from nodeops.host.trial import Trial
from nodeops.host.units import systemd

_ROLLBACK, _NEW = "rollback.nft", "new.nft"


def put_on_trial(document: HostDocument, seen: Seen) -> Trial:
    """Arm the timer that undoes the change, then load the wanted rules. Called while no trial is running.

    The undo is `nft` and a file, so that it works without Python and without us. Raise HostError when the rules cannot be
    loaded: then nothing changed.
    """
    folder = prepared_folder(document)
    rollback = script_of(seen.live)
    require_readable(rollback)
    _write(folder / _ROLLBACK, rollback)
    _write(folder / _NEW, seen.script)
    proof.remember(document, folder)
    undo = [NFT, "-f", str(folder / _ROLLBACK)]
    begun = trial.begin(NAME, folder, undo, document.limits.firewall.confirm_seconds)
    try:
        load(folder / _NEW)
    except HostError:
        trial.disarm(begun)
        trial.forget(folder)
        raise
    return trial.made(folder, begun)


def prepared_folder(document: HostDocument) -> Path:
    """Return the state folder, made for root alone."""
    folder = state_folder(document)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write(path: Path, text: str) -> None:
    write_atomic(path, text.encode(), 0o600)


def confirm(document: HostDocument, token: str, console: bool) -> None:
    """Keep the rules on trial: loaded at boot from now on.

    Raise Refused without a new SSH session (`console` says that a person at a console vouches instead) or when the trial
    is over, Timeout while the ledger does not prove yet that it is connected.
    """
    folder = prepared_folder(document)
    begun = trial.require(folder, token, NAME)
    if not console:
        trial.require_new_session(begun)
    proof.require_proof(document, proof.recalled(folder))
    script = (folder / _NEW).read_text(encoding="utf-8")
    if loaded() != normalised(script):
        raise Refused("the rules that are loaded are not those on trial", where=NAME, hint="apply again")
    trial.commit(folder, begun)
    _write(confirmed_file(document), script)
    _enable()


def _enable() -> None:
    """Let the rules come at boot, be loaded again when nftables.service is restarted, and when something takes them away."""
    if not systemd.unit(UNIT).enabled:
        systemd.systemctl("enable", "--quiet", UNIT)
    for name in (UNIT, WATCH):
        if not systemd.unit(name).active:
            systemd.systemctl("start", name)


def roll_back(document: HostDocument) -> None:
    """Take back the rules on trial now. Raise Refused when none are."""
    folder = prepared_folder(document)
    begun = trial.pending(folder)
    if begun is None:
        hint = f"systemctl stop {UNIT} unloads the rules, systemctl disable {UNIT} keeps them from coming at boot"
        raise Refused("no rules are on trial", where=NAME, hint=hint)
    load(folder / _ROLLBACK)
    trial.disarm(begun)
    trial.forget(folder)
