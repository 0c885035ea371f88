"""`nodeops ledger`: the ledger on this host: identity, start, verify, checkpoint, status, peers, validators, wait."""

import base64
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from nodeops.console import DocumentOption, JsonFlag, emit, working
from nodeops.core.result import Result, Table
from nodeops.document.host import load_node_document
from nodeops.document.profile import load_profile
from nodeops.ledger.answers import LedgerStatus, Peer, Validator
from nodeops.ledger.driver import driver_for
from nodeops.ledger.identity.cli import identity
from nodeops.ledger.node.checkpoint_cli import checkpoint
from nodeops.ledger.node.live_cli import verify
from nodeops.ledger.node.observe import peer_names, settled_commits, signer_shares
from nodeops.ledger.node.service_cli import start
from nodeops.ledger.node.status import SignerShare, live_signers
from nodeops.ledger.node.wait import Goal, wait_for
from nodeops.ledger.quorum import margin, needed

app = typer.Typer(no_args_is_help=True)
app.command("identity")(identity)
app.command("start")(start)
app.command("verify")(verify)
app.command("checkpoint")(checkpoint)

# One question may take this long, however long the whole wait is.
_QUESTION_SECONDS = 5.0

HeightOption = Annotated[
    int | None, typer.Option("--height", min=1, max=(1 << 63) - 1, help="Until the node has stored this height.")
]
BlocksOption = Annotated[
    int | None, typer.Option("--blocks", min=1, max=1_000_000, help="Until this many more blocks are stored.")
]
SyncedOption = Annotated[bool, typer.Option("--synced", help="Until the node has caught up with its peers.")]
TimeoutOption = Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds to wait before giving up.")]


@app.command()
def status(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show what the ledger process says of itself. Unlike `nodeops status`, fails when it does not answer."""
    seen = driver_for(load_node_document(document)).status()
    data = _status_data(seen)
    rows = [(key.replace("_", " "), "-" if value is None else str(value)) for key, value in data.items()]
    emit(Result(data, tables=[Table(("ledger", ""), rows)]), as_json)


def _status_data(seen: LedgerStatus) -> dict[str, Any]:
    return {**asdict(seen), "block_time": seen.block_time.isoformat() if seen.block_time else None}


@app.command()
def peers(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show the connected peers, the members they are, and the members that are not connected."""
    node = load_node_document(document)
    driver = driver_for(node)
    connected, heights = driver.peers(), driver.peer_heights()
    names = peer_names(connected, node)
    rows = [_peer_data(peer, names[peer.node_id], heights.get(peer.node_id)) for peer in connected]
    missing = [member.name for member in node.members if member != node.node and member.name not in names.values()]
    cells = [[str(value) if value is not None else "-" for value in row.values()] for row in rows]
    table = Table(("name", "node id", "address", "dialled by", "moniker", "version", "height"), cells)
    lines = [f"not connected, or not told apart by address: {', '.join(missing)}"] if missing else []
    emit(Result({"peers": rows, "missing": missing}, tables=[table], lines=lines), as_json)


def _peer_data(peer: Peer, name: str, height: int | None) -> dict[str, Any]:
    return {
        "name": None if name == peer.node_id else name,
        "node_id": peer.node_id,
        "address": peer.address,
        "dialled_by": "us" if peer.outbound else "them",
        "moniker": peer.moniker,
        "version": peer.version,
        "height": height,
    }


@app.command()
def validators(document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Show the validator set, who signs, and how much voting power may still be lost."""
    node = load_node_document(document)
    driver = driver_for(node)
    seen, voting = driver.status(), driver.validators()
    shares = signer_shares(settled_commits(driver, seen), voting)
    live = live_signers(shares)
    rows = [_validator_data(one, shares[one.address], one.address in live) for one in voting.validators]
    live_power, total = sum(row["power"] for row in rows if row["live"]), voting.total_power
    rule = load_profile(node.ledger.platform).quorum
    power = {"total": total, "live": live_power, "needed": needed(total, rule), "margin": margin(live_power, total, rule)}
    line = f"power: {live_power} of {total} live, {power['needed']} needed, margin {power['margin']}"
    data = {"height": voting.height, "own_address": seen.validator_address, "power": power, "validators": rows}
    emit(Result(data, tables=[_validator_table(rows, seen.validator_address)], lines=[line]), as_json)


def _validator_data(validator: Validator, share: SignerShare, live: bool) -> dict[str, Any]:
    key = base64.b64encode(validator.public_key).decode()
    return {"address": validator.address, "public_key": key, "power": validator.power, "live": live, **share.model_dump()}


def _validator_table(rows: list[dict[str, Any]], own: str) -> Table:
    cells = [
        (
            row["address"],
            str(row["power"]),
            f"{row['signed']}/{row['of']}",
            "-" if row["last_height"] is None else str(row["last_height"]),
            "this node" if row["address"] == own else "",
        )
        for row in rows
    ]
    return Table(("validator", "power", "signed", "last at", ""), cells)


@app.command()
def wait(
    height: HeightOption = None,
    blocks: BlocksOption = None,
    synced: SyncedOption = False,
    timeout: TimeoutOption = 60,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Wait until the ledger has a height, has N more blocks, or has caught up. Exit code 5 when that takes too long."""
    goal = Goal(height, blocks, synced)
    driver = driver_for(load_node_document(document), min(_QUESTION_SECONDS, timeout))
    started = time.monotonic()
    with working(f"waiting for {goal}") as say:
        seen = wait_for(driver, goal, timeout, say)
    waited = round(time.monotonic() - started, 1)
    line = f"{seen.chain}: height {seen.height} after {waited:g} s"
    emit(Result({**_status_data(seen), "waited_seconds": waited}, lines=[line]), as_json)
