"""`nodeops record`: put the hashes of records on the ledger, verify files against them, show their versions."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit, finite, working
from nodeops.core.errors import HostError, Timeout
from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.records.add import plan_all
from nodeops.records.authored import Frontier
from nodeops.records.authors_cli import account, authors
from nodeops.records.away import RESTART_SECONDS, patient
from nodeops.records.backend import Backend, Pen, open_backend, open_pen
from nodeops.records.files import name_keys, read_all, total_bytes
from nodeops.records.planned import Outcome, Planned
from nodeops.records.report import added, check, shown, verified
from nodeops.records.versions import RECORD_SPACE, FileDigest, History, ledger_key

app = typer.Typer(no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="The records, files on this host.", show_default=False)]
KeyOption = Annotated[str | None, typer.Option("--key", help="Key of the record, for one file; its base name when not given.")]


@app.command()
def add(
    files: Files,
    key: KeyOption = None,
    revise: Annotated[bool, typer.Option("--revise", help="Put a new version where the ledger has another hash.")] = False,
    signing_key: Annotated[
        Path | None,
        typer.Option(
            "--signing-key", metavar="FILE", help="Sign with this key (PEM) of an application, not with the node's own."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, max=86400, callback=finite, help="Seconds to wait for each commit.")
    ] = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Put the SHA-256 of each file on the ledger and prove that it is there. The files themselves stay where they are."""
    digests = _digests(files, key, allow_empty=False)
    node_document = load_node_document(document)
    with _counted("reading what authors wrote") as number:
        ledger, pen = open_pen(node_document, signing_key, number)
        with nullcontext() if dry_run else pen.alone(timeout):
            soon = time.monotonic() + min(timeout, RESTART_SECONDS)
            planned = patient(soon)(plan_all, ledger.history, digests, revise)
            outcomes = _planned_only(planned) if dry_run else _sent(pen, planned, timeout)
    emit(added(outcomes, pen.writer, node_document.ledger.chain, dry_run, pen.left_out()), as_json)


def _planned_only(planned: Sequence[Planned]) -> list[Outcome]:
    return [Outcome(one, one.before.current if not one.sends else None) for one in planned]


def _sent(pen: Pen, planned: Sequence[Planned], timeout: float) -> list[Outcome]:
    with _progress("waiting for blocks", sum(one.sends for one in planned)) as step:
        return pen.send_all(planned, timeout, step)


@app.command()
def verify(files: Files, key: KeyOption = None, document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Compare files with the ledger, and prove what this node says about them. Exits with 1 when one does not hold."""
    digests = _digests(files, key, allow_empty=True)
    with _counted("reading what authors wrote") as number:
        ledger = open_backend(load_node_document(document), number)
        checked = [check(file, _history(ledger, file.key)) for file in digests]
    emit(verified(checked, _frontier(ledger), datetime.now(UTC)), as_json)


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="Key of the record: the file's base name, or what --key said.")],
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show every version of a record that this node can prove, oldest first."""
    ledger_name = ledger_key(RECORD_SPACE, key)
    with _counted("reading what authors wrote") as number:
        ledger = open_backend(load_node_document(document), number)
        history = ledger.history(ledger_name)
    emit(shown(key, history, ledger.frontier(), datetime.now(UTC)), as_json)


app.command()(authors)
app.command()(account)


def _frontier(ledger: Backend) -> Frontier | None:
    """Return up to where all is known; None where that is nowhere, or cannot be proven, which the files' verdicts say then."""
    try:
        return ledger.frontier()
    except (HostError, Timeout):
        return None


def _history(ledger: Backend, key: str) -> History | HostError | Timeout:
    """Return the history of a record, or what kept it from being read while the node answers all the same."""
    try:
        return ledger.history(ledger_key(RECORD_SPACE, key))
    except ProofError as error:
        return error
    except (HostError, Timeout) as error:
        ledger.driver.status()
        return error


def _digests(files: Sequence[Path], key: str | None, allow_empty: bool) -> list[FileDigest]:
    names = name_keys(files, key)
    with _progress("reading files", total_bytes(files)) as step:
        return read_all(names, allow_empty, step)


@contextmanager
def _counted(text: str) -> Iterator[Callable[[], object]]:
    """Show on a terminal's stderr that something is read, and how much so far: how much there is, nobody knows before."""
    count = 0
    with working(text) as say:

        def number() -> None:
            nonlocal count
            count += 1
            say(f"{text}: {count}")

        yield number


@contextmanager
def _progress(text: str, total: int) -> Iterator[Callable[..., object]]:
    """Show a bar on a terminal's stderr, gone when done; yield what advances it by one, or by the number given."""
    if not sys.stderr.isatty():
        yield lambda _=1: None
        return
    # start-up: see nodeops.screen
    from rich.progress import Progress

    from nodeops.screen import console  # start-up

    with Progress(console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)

        def step(count: int = 1) -> None:
            progress.advance(task, count)

        yield step
