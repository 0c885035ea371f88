"""`nodeops lifecycle ready|retire`: before a node is given power, and after it left."""

from typing import Annotated

import typer

from nodeops.console import DryRunFlag, JsonFlag, emit
from nodeops.core.errors import InputError
from nodeops.core.result import Result
from nodeops.document.fields import MAX_POWER
from nodeops.document.host import load_node_document
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.host.lock import changes_host
from nodeops.ledger.answers import MAX_INTEGER
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.observe import observe_status, peer_names
from nodeops.ledger.node.status import NodeStatus, live_signers
from nodeops.lifecycle import retire as host
from nodeops.lifecycle.ready import Candidate, readiness
from nodeops.lifecycle.retire_plan import CHOICES, Order


def ready(
    power: Annotated[int, typer.Option("--power", min=1, max=MAX_POWER, help="The voting power that it is to be given.")] = 1,
    published: Annotated[str, typer.Option("--published", help="The node id by which members know this node.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Tell whether this witness may be given voting power: synced, in step, published, and not needed by the quorum.

    Exits with 1 when it may not yet.
    """
    document = load_node_document()
    driver = driver_for(document)
    status = observe_status(document, driver)
    seen = _candidate(document, driver, status, published, power)
    found = readiness(seen, load_profile(document.ledger.platform).quorum, document.ledger.block_seconds)
    data = {"node": document.node.name, "height": status.height, "power": power}
    emit(Result(data, findings=found), as_json)


def _candidate(document: NodeDocument, driver: Driver, status: NodeStatus, published: str, power: int) -> Candidate:
    others = {one.name for one in document.members if one.organisation != document.node.organisation}
    claims: dict[str, int] = {}
    if status.running:
        names = peer_names(driver.peers(), document)
        claims = {names[key]: height for key, height in driver.peer_heights().items() if names.get(key) in others}
    signing = live_signers(status.signers)
    live = sum(one.power for one in status.validators if one.address in signing)
    return Candidate(status, claims, not others, published, power, live)


@changes_host()
def retire(
    node: Annotated[str, typer.Option("--node", help="The node that was proven to have left.")],
    keys: Annotated[str, typer.Option("--keys", metavar="|".join(CHOICES), help="What becomes of the keys on this host.")],
    height: Annotated[
        int, typer.Option("--proven-at", min=1, max=MAX_INTEGER, help="The height at which it was proven to have no power.")
    ],
    validator_key: Annotated[str, typer.Option("--validator-key", help="The key (base64) that was proven to have none.")],
    archive: Annotated[
        str, typer.Option("--archive", help="SHA-256 of the archive of the keys that admins hold, for --keys archived.")
    ] = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Retire this host after its node left: the ledger stopped and masked, its keys kept, archived or shredded, with a receipt.

    playbooks/leave.yml asks for it, with what the controller has proven. A run that was killed is gone on with by the next.
    """
    choice = next((one for one in CHOICES if one == keys), None)
    if choice is None:
        raise InputError(f"'{keys}' is none of the choices", where="--keys", allowed=", ".join(CHOICES))
    document = load_node_document()
    order = Order(node, choice, height, validator_key, archive)
    changes, receipt = host.retire(document, order, dry_run=dry_run)
    begun = host.observe(document, validator_key).begun
    emit(
        Result({"receipt": receipt, "begun": begun}, lines=[f"{one.what}: {one.why}" for one in changes], changes=changes),
        as_json,
    )
