"""What the verbs of service levels do: read a contract, read the chain, state, and compare what another stated."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from nodeops.console import working
from nodeops.core.digest import canonical
from nodeops.core.errors import InputError, Refused
from nodeops.core.result import Result
from nodeops.document.host import load_host_document, load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import host_paths
from nodeops.host.files import write_atomic
from nodeops.quorum.lease.promised import shown_time
from nodeops.quorum.lease.store import validators_by_name
from nodeops.records.backend import knows_authors
from nodeops.sla.chain import Chain, open_chain, read_votes
from nodeops.sla.contract import Contract, load_contract
from nodeops.sla.difference import difference
from nodeops.sla.leases import leases_of
from nodeops.sla.parties import advice, contradictions, outsiders
from nodeops.sla.period import Period, month
from nodeops.sla.statement import SCHEMA, statement
from nodeops.sla.view import as_csv, checked, stated, verified

# A month of slices of ten seconds, every second one of them bad: 30 MB.
_MOST_BYTES = 64 << 20
_SAID_EVERY = 50
_FORM = "what nodeops sla statement --out wrote, byte for byte"


def check(path: Path, document: Path | None) -> Result:
    """Return the answer of `sla check`. Raise InputError for a contract that cannot be measured, or contradicts this host."""
    contract, digest = load_contract(path)
    node = _own_node(document)
    if node is None:
        return checked(contract, digest, "not compared with a chain: this host runs no node", [])
    founders = validators_by_name(node)
    _require(path, [*contradictions(contract, node, founders, knows_authors(node)), *outsiders(contract, node)])
    return checked(contract, digest, f"names nodes as the genesis of {contract.chain} does", advice(contract, node, founders))


def _own_node(document: Path | None) -> NodeDocument | None:
    if document is None and not Path(host_paths()["document"]).exists():
        return None
    found = load_host_document(document)
    return found if isinstance(found, NodeDocument) else None


def _require(path: Path, problems: list[InputError]) -> None:
    if problems:
        raise InputError.of_all([replace(one, where=f"{path}: {one.where}") for one in problems])


def state(path: Path, name: str, so_far: bool, files: Mapping[str, Path | None], document: Path | None) -> Result:
    """Return the answer of `sla statement`, and write it to `files` ("statement" and "csv"). Raise InputError for a file that is
    there and says something else, and as `computed`."""
    contract, digest = load_contract(path)
    period = period_of(contract, name)
    if so_far and files["statement"]:
        raise InputError("a statement is of a period that is over", where="--out", hint="leave out --so-far or --out")
    for file in filter(None, files.values()):
        if not file.parent.is_dir():
            raise InputError("cannot be written: its folder is not there", where=str(file))
    found = computed(load_node_document(document), path, (contract, digest), period, so_far=so_far)
    made = {"statement": canonical(found), "csv": as_csv(found)}
    lines = [_write(file, made[kind], kind) for kind, file in files.items() if file is not None]
    return stated(found, lines)


def period_of(contract: Contract, name: str) -> Period:
    """Return a period of a contract by its name. Raise InputError for one that is none."""
    return month(name, contract.period.zone, contract.slice_seconds, contract.valid.since, contract.valid.until)


def computed(
    node: NodeDocument, path: Path, contract: tuple[Contract, str], period: Period, *, so_far: bool = False
) -> dict[str, Any]:
    """Return the statement of a period by this host's node. `contract` is with its digest.

    Raise InputError where the contract contradicts the chain, Refused while the period is not over, HostError where blocks are
    missing or the node's answers do not hold.
    """
    agreed, digest = contract
    _require(path, list(contradictions(agreed, node, validators_by_name(node), knows_authors(node))))
    with working("looking for the period's blocks") as say:
        chain = open_chain(node)
        whole = _over_so_far(chain, period) if so_far else period
        measured = read_votes(chain, whole, agreed.service.nodes.values(), say)
        if agreed.maintenance is not None:
            found = leases_of(node, agreed, whole, measured.after.height - 1, _counted(say))
            measured = replace(measured, leases=found)
    return statement(agreed, digest, measured, so_far=so_far)


def _over_so_far(chain: Chain, period: Period) -> Period:
    part = period.until(chain.time(chain.newest))
    if not part.slices:
        raise Refused("no slice of it is over", where=f"period {period.name}", allowed=f"after {shown_time(period.start)}")
    return part


def _counted(say: Callable[[str], None]) -> Callable[[], None]:
    numbers = count(1)

    def told() -> None:
        if (number := next(numbers)) % _SAID_EVERY == 1:
            say(f"reading leases: {number} transactions of authors")

    return told


def _write(file: Path, data: bytes, kind: str) -> str:
    try:
        if file.exists() and file.read_bytes() != data:
            hint = "what was signed or sent stays: give another name, or remove it yourself"
            raise InputError("is there, and says something else", where=str(file), hint=hint)
        write_atomic(file, data, 0o644)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(file)) from error
    return f"{kind} in {file}"


def verify(path: Path, file: Path, document: Path | None) -> Result:
    """Return the answer of `sla verify`. Raise InputError for a file that is no statement, and as `computed`."""
    contract, digest = load_contract(path)
    said = _statement(file)
    period = period_of(contract, _period_name(said, file))
    found = computed(load_node_document(document), path, (contract, digest), period)
    return verified(found, difference(said, found, period))


def _statement(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
        said = json.loads(data)
        same = len(data) <= _MOST_BYTES and isinstance(said, dict) and canonical(said) == data
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except (ValueError, RecursionError):
        said, same = {}, False
    if not same or said.get("schema") != SCHEMA:
        raise InputError("is no statement of service levels", where=str(file), allowed=_FORM)
    return dict(said)


def _period_name(said: Mapping[str, Any], file: Path) -> str:
    period = said.get("period")
    if not isinstance(period, dict) or not isinstance(period.get("name"), str):
        raise InputError("names no period", where=str(file), allowed=_FORM)
    return str(period["name"])
