"""Let a ledger that has no blocks yet begin with the state of a height, which its peers send, instead of the first block.

What it is told to trust is proven by this host's own genesis, through another node's RPC that may lie. The RPC of that node is
also what the ledger itself asks, and believes as far as a light client has to that begins with the block it is told.
"""

from pathlib import Path

from nodeops.core.errors import InputError
from nodeops.core.result import Change
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.files import write_atomic
from nodeops.ledger.cometbft.driver import CometBft
from nodeops.ledger.cometbft.kept import open_follower
from nodeops.ledger.cometbft.proof import ProvenBlock
from nodeops.ledger.cometbft.rpc import Rpc

# roles/ledger/templates: a snapshot of every 1000th height, the newest two. The block to begin with is older than both, so that
# the ledger follows the chain upwards from there, by few blocks.
_SNAPSHOTS_REACH = 2100


def has_blocks(document: NodeDocument) -> bool:
    """Tell whether this host's ledger has begun already: then it goes on from there, whatever it is told."""
    return (Path(document.ledger.paths["data"]) / "blockstore.db").exists()


def require_states(document: NodeDocument) -> None:
    """Raise InputError for a ledger whose application hands out no states."""
    if "app_config" not in document.ledger.paths:
        text = f"{document.ledger.platform} cannot begin with a state: its application has none to send"
        raise InputError(
            text, where="--begin-from", allowed="a platform of the Cosmos SDK", hint="start it without: it fetches all blocks"
        )


def checkpoint(document: NodeDocument, url: str) -> ProvenBlock:
    """Return the block to begin with, proven by this host's genesis. Raise as a driver and a Follower do."""
    driver = CometBft(Rpc(url), document.ledger.chain)
    follower = open_follower(document, driver)
    return follower.block(max(driver.status().height - _SNAPSHOTS_REACH, follower.genesis.first_height))


def environment(program: str, url: str, block: ProvenBlock) -> dict[str, str]:
    """Return what tells a program of the Cosmos SDK to begin so; config.toml has the same names (viper, server/util.go)."""
    told = {
        "ENABLE": "true",
        # It demands two; another node's word would add nothing to a proof.
        "RPC_SERVERS": f"{url},{url}",
        "TRUST_HEIGHT": str(block.height),
        "TRUST_HASH": block.hash,
    }
    return {f"{program.upper()}_STATESYNC_{name}": value for name, value in told.items()}


def plan(document: NodeDocument, url: str) -> tuple[ProvenBlock, Change] | None:
    """Return the block to begin with and what will be said of it, None when the ledger has begun already."""
    require_states(document)
    if url.split() != [url]:
        raise InputError("is not an RPC address", where="--begin-from", allowed="http://HOST:PORT")
    if has_blocks(document):
        return None
    block = checkpoint(document, url)
    after = f"block {block.height}, signed by {block.power} of {block.total_power}"
    return block, Change("ledger.begin", "it begins with a state, which this host's genesis vouches for", "no blocks", after)


def carry_out(document: NodeDocument, url: str, block: ProvenBlock) -> None:
    """Write what the unit reads when it starts. After a boot it is gone, and nobody asks for it any more."""
    told = environment(load_profile(document.ledger.platform).binary, url, block)
    file = Path(document.paths["ledger_begin"])
    file.parent.mkdir(mode=0o755, exist_ok=True)
    write_atomic(file, "".join(f"{name}={value}\n" for name, value in told.items()).encode(), 0o600)
