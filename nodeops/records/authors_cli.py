"""`nodeops record authors` and `account`: who may write, how much each wrote, and an account for who came after the founding."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit, finite
from nodeops.core.errors import InputError
from nodeops.core.result import Change, Result, Table
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.ledger.authors import Author
from nodeops.ledger.cosmos.address import account_address
from nodeops.records.author_pen import AuthorPen
from nodeops.records.author_store import AuthorStore
from nodeops.records.authored import Frontier
from nodeops.records.backend import open_backend, open_pen

_SAMPLE = "docs/ledgerd.md is about a ledger that does"


def authors(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show whose keys sign records in whose name, and how many transactions each has had: proven, like its absence."""
    loaded = load_node_document(document)
    store = open_backend(loaded)
    if not isinstance(store, AuthorStore):
        raise _no_authors(loaded)
    emit(_shown(list(store.logs.authors.values()), store.frontier()), as_json)


def _shown(found: Sequence[Author], frontier: Frontier) -> Result:
    rows, data = [], []
    for one in found:
        address = account_address(one.key)
        account = frontier.accounts[address]
        count = None if account is None else account.sequence
        until = "today" if one.until is None else f"up to height {one.until}"
        rows.append((one.organisation, one.name, until, "no account" if count is None else str(count), address))
        data.append({**one.model_dump(mode="json"), "account": address, "transactions": count})
    table = Table(("organisation", "author", "counts", "transactions", "account"), rows)
    whole = {"height": frontier.height, "time": frontier.time}
    return Result({"authors": data, "whole_up_to": whole}, [table], [f"proven at height {frontier.height}"])


def account(
    name: Annotated[str, typer.Argument(help="Name of the node or application; ORGANISATION/NAME where two have it.")],
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, max=86400, callback=finite, help="Seconds to wait for the commit.")
    ] = 60.0,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Give an author that came after the founding an account on the chain: some of this node's coins, once."""
    loaded = load_node_document(document)
    store, pen = open_pen(loaded, None, lambda: None)
    if not isinstance(store, AuthorStore) or not isinstance(pen, AuthorPen):
        raise _no_authors(loaded)
    author = _named(list(store.logs.authors.values()), name)
    address = account_address(author.key)
    with pen.alone(timeout):
        needed = store.frontier().accounts[address] is None
        if needed and not dry_run:
            pen.give(address, time.monotonic() + timeout)
    why = f"{author.name} ({author.organisation}) had no account"
    changes = [Change(f"ledger {loaded.ledger.chain}", why, after=address)] if needed else []
    lines = [] if needed else [f"nothing to do: {author.name} ({author.organisation}) has an account"]
    emit(Result({"account": address, "author": author.model_dump(mode="json")}, lines=lines, changes=changes), as_json)


def _named(found: Sequence[Author], name: str) -> Author:
    today = [one for one in found if one.until is None]
    fitting = [one for one in today if name in (one.name, f"{one.organisation}/{one.name}")]
    if len(fitting) != 1:
        text = "names several authors" if fitting else "is no author"
        allowed = ", ".join(f"{one.organisation}/{one.name}" for one in today)
        raise InputError(text, where=ascii(name), allowed=allowed, hint="nodeops record authors shows them all")
    return fitting[0]


def _no_authors(document: NodeDocument) -> InputError:
    return InputError(f"{document.ledger.platform} does not know who wrote a record", where="nodeops record", hint=_SAMPLE)
