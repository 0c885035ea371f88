"""`nodeops record`: put the hashes of records on the ledger, verify files against them, show their versions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from nodeops.console import DryRunFlag, JsonFlag, emit, finite
from nodeops.core.errors import HostError, Timeout
from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.proof import ProofError
from nodeops.records.add import plan_all, send_all
from nodeops.records.files import name_keys, read_all, total_bytes
from nodeops.records.report import added, check, shown, verified
from nodeops.records.store import Store, history_of, open_store
from nodeops.records.versions import RECORD_SPACE, Writer, FileDigest, History, Outcome, ledger_key

app = typer.Typer(no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="The records, files on this host.", show_default=False)]
KeyOption = Annotated[str | None, typer.Option("--key", help="Key of the record, for one file; its base name when not given.")]
DocumentOption = Annotated[
    Path | None, typer.Option("--document", hidden=True, help="Node document to use instead of this host's.")
]


@app.command()
def add(
    files: Files,
    key: KeyOption = None,
    revise: Annotated[bool, typer.Option("--revise", help="Put a new version where the ledger has another hash.")] = False,
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
    store = open_store(node_document)
    author = Writer(node_document.node.organisation, node_document.node.name)
    with _progress("looking up records", len(digests)) as step:
        planned = plan_all(store, digests, revise, step)
    if dry_run:
        outcomes = [Outcome(one, one.before.current if not one.sends else None) for one in planned]
    else:
        with _progress("waiting for blocks", sum(one.sends for one in planned)) as step:
            outcomes = send_all(store, author, planned, timeout, step)
    emit(added(outcomes, author, node_document.ledger.chain, dry_run), as_json)


@app.command()
def verify(files: Files, key: KeyOption = None, document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Compare files with the ledger, and prove what this node says about them. Exits with 1 when one does not hold."""
    digests = _digests(files, key, allow_empty=True)
    store = open_store(load_node_document(document))
    with _progress("verifying records", len(digests)) as step:
        checked = [check(file, _history(store, file.key, step)) for file in digests]
    emit(verified(checked), as_json)


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="Key of the record: the file's base name, or what --key said.")],
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show every version of a record that this node can prove, oldest first."""
    ledger_name = ledger_key(RECORD_SPACE, key)
    store = open_store(load_node_document(document))
    emit(shown(key, history_of(store, ledger_name)), as_json)


def _history(store: Store, key: str, step: Callable[[], object]) -> History | HostError | Timeout:
    """Return the history of a record, or what kept it from being read while the node answers all the same."""
    try:
        return history_of(store, ledger_key(RECORD_SPACE, key))
    except ProofError as error:
        return error
    except (HostError, Timeout) as error:
        store.driver.status()
        return error
    finally:
        step()


def _digests(files: Sequence[Path], key: str | None, allow_empty: bool) -> list[FileDigest]:
    names = name_keys(files, key)
    with _progress("reading files", total_bytes(files)) as step:
        return read_all(names, allow_empty, step)


@contextmanager
def _progress(text: str, total: int) -> Iterator[Callable[..., object]]:
    """Show a bar on a terminal's stderr, gone when done; yield what advances it by one, or by the number given."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=total)

        def step(count: int = 1) -> None:
            progress.advance(task, count)

        yield step
