"""`nodeops ledger checkpoint`: a block that follows from this host's genesis, for a node that begins with it."""

from dataclasses import asdict
from typing import Annotated

import typer

from nodeops.console import DocumentOption, JsonFlag, emit
from nodeops.core.result import Result
from nodeops.document.host import load_node_document
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.driver import driver_for

HeightOption = Annotated[
    int, typer.Option("--height", min=0, max=(1 << 63) - 1, help="Of this height; the newest but one without.")
]


def checkpoint(height: HeightOption = 0, document: DocumentOption = None, as_json: JsonFlag = False) -> None:
    """Prove a block by this host's genesis, and print its height and hash: what a node that joins by state sync must be told."""
    node = load_node_document(document)
    driver = driver_for(node)
    # Of the newest one not all signatures may have arrived.
    block = open_follower(node, driver).block(height or max(driver.status().height - 1, 1))
    known = asdict(block)
    shown = {name: known[name] for name in ("height", "hash", "time", "power", "total_power")}
    line = f"{node.ledger.chain} {block.height} {block.hash}: signed by {block.power} of {block.total_power}, {block.time}"
    emit(Result({"chain": node.ledger.chain, **shown}, lines=[line]), as_json)
