"""`nodeops exporter`: its certificate, its unit, and what the unit runs."""

import asyncio
import os
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from nodeops.agent import install
from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit
from nodeops.core.errors import HostError, Timeout
from nodeops.core.result import Change, Result
from nodeops.document.host import load_host_document
from nodeops.document.models import HostDocument
from nodeops.exporter import certificates
from nodeops.host.files import write_atomic
from nodeops.host.lock import changes_host
from nodeops.host.units.service import carry_out, observe, plan_current, plan_start
from nodeops.metrics.local import asked

app = typer.Typer(no_args_is_help=True)

UNIT = "nodeops-exporter.service"
LOOK, LOOK_TIMER = "nodeops-look.service", "nodeops-look.timer"
_READY_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


@app.command("certificate")
@changes_host("ensure")
def show_certificate(
    ensure: Annotated[
        bool, typer.Option("--ensure", help="Make key and certificate where they are missing or end soon.")
    ] = False,
    document: DocumentOption = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the exporter's certificate, for monitors to trust. Its key is made on this host and never leaves it."""
    own = load_host_document(document)
    changes = _plan_certificate(own) if ensure else []
    if changes and not dry_run:
        _make(own)
    shown = _read(Path(own.paths["exporter_certificate"]))
    if shown is None and not ensure:
        hint = "nodeops exporter certificate --ensure, which the role exporter runs"
        raise HostError("this host has no certificate yet", where=own.paths["exporter_certificate"], hint=hint)
    text = (shown or b"").decode("ascii")
    lines = [f"{name} until {datetime.fromtimestamp(end, UTC):%Y-%m-%d}" for name, end in certificates.ends(shown or b"")]
    emit(Result({"certificate": text}, lines=[*lines, text.rstrip()], changes=changes), as_json)


def _plan_certificate(own: HostDocument) -> list[Change]:
    certificate, key = (_read(Path(own.paths[name])) for name in ("exporter_certificate", "exporter_key"))
    if certificate is None or key is None:
        return [Change(own.paths["exporter_certificate"], "monitors must know this host by it")]
    if certificates.fits(certificate, key, own.own.name, own.own.address, datetime.now(UTC)):
        return []
    return [Change(own.paths["exporter_certificate"], "it ends soon, or says another name, address or key", "old", "new")]


def _make(own: HostDocument) -> None:
    """Write the key first: a certificate without its key is made anew, a key without its certificate harms nobody."""
    key = certificates.new_key()
    folder = Path(own.paths["exporter_key"]).parent
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    made = certificates.self_signed(own.own.name, own.own.address, key, datetime.now(UTC))
    write_atomic(Path(own.paths["exporter_key"]), certificates.key_text(key), 0o600)
    write_atomic(Path(own.paths["exporter_certificate"]), made, 0o644)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"cannot be read: {error.strerror}", where=str(path), hint="run with sudo") from error


@app.command()
@changes_host()
def start(document: DocumentOption = None, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Start the exporter, or restart one that is older than its unit, and see it ready; called by the role."""
    own = load_host_document(document)
    changes = _plan_start(own)
    if not dry_run:
        carry_out(changes)
        _wait_until_ready(Path(own.paths["exporter_socket"]))
    emit(Result({}, lines=[] if changes else ["nothing to do"], changes=changes), as_json)


def _plan_start(own: HostDocument) -> list[Change]:
    unit, timer = observe(UNIT), observe(LOOK_TIMER)
    changes = plan_current(unit, lambda: _current(own))
    if not timer.unit.active:
        # The exporter's first answer is whole: it does not wait for the timer's next turn.
        return [*plan_start(timer), Change(f"start {LOOK}", "read the firewall now"), *changes]
    return [*plan_start(timer), *changes]


def _current(own: HostDocument) -> bool:
    """Tell whether the exporter that answers runs from the agent's current tree."""
    tree = install.link_target(Path(own.paths["agent"]) / install.CURRENT)
    return f'tree="{tree}"' in asked(Path(own.paths["exporter_socket"]), "/metrics")[1]


def _wait_until_ready(socket: Path) -> None:
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            said = asked(socket, "/readyz")
        except HostError:
            if time.monotonic() >= until:
                raise
        else:
            if said[0] == 200:
                return
            if time.monotonic() >= until:
                raise Timeout(said[1].strip(), where=UNIT, hint=f"journalctl --unit {UNIT} --lines 20")
        time.sleep(_PAUSE_SECONDS)


@app.command(hidden=True)
def serve(document: DocumentOption = None) -> None:
    """Be the exporter; what the unit nodeops-exporter runs."""
    # start-up: the other verbs need neither a server nor all collectors.
    from nodeops.exporter import collectors, server

    own = load_host_document(document)
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    port, handed = own.ports["exporter"], Path(given or Path(own.paths["exporter_key"]).parent)
    place = server.Place(
        port.bind,
        port.port,
        handed / "key.pem",
        handed / "certificate.pem",
        handed / "monitors.pem",
        Path(own.paths["exporter_socket"]),
    )
    try:
        asyncio.run(server.serve(collectors.exporter(own), place))
    except (OSError, ssl.SSLError) as error:
        raise HostError(f"cannot serve: {error}", where=UNIT, hint="run site.yml from the controller") from error
