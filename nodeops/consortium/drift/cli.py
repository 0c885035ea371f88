"""`nodeops consortium drift|departed`: the file in force beside the chain, our nodes and our monitors."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError

from nodeops.console import JsonFlag, emit
from nodeops.consortium.drift.compare import OnChain, Row, chain_rows, drift_result, monitor_rows, node_rows
from nodeops.consortium.drift.departed import Proven, departed, still_known
from nodeops.consortium.kept import left
from nodeops.consortium.options import InventoryOption, ViaOption
from nodeops.consortium.proven import proven_validators
from nodeops.consortium.session import Session, published_keys, session
from nodeops.core.errors import HostError, NodeopsError
from nodeops.core.result import Result
from nodeops.ledger.cosmos.group import members
from nodeops.ledger.cosmos.revision import read_mark
from nodeops.ledger.node.status import NodeStatus, parse_status

_TARGETS = "/etc/prometheus/nodeops/targets.json"


class _Group(BaseModel):
    """A group of targets as Prometheus reads it: each is the exporter of a node."""

    targets: list[str]
    labels: dict[str, str]


_GROUPS = TypeAdapter(list[_Group])


def drift(context: typer.Context, inventory: InventoryOption = None, via: ViaOption = None, as_json: JsonFlag = False) -> None:
    """Compare the file in force with the chain, with each node of ours and each monitor. Exits with 1 when anything differs."""
    with session(context, inventory, via) as at:
        chain = _on_chain(at)
        keys = published_keys(at.folder)
        rows = [*chain_rows(at.working, keys, chain), *host_rows(at)]
        emit(drift_result(rows, chain.height), as_json)


def departed_node(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node that the file names no more.")],
    inventory: InventoryOption = None,
    via: ViaOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell whether the host of a node that left may be retired: proven to have no power, and forgotten by our hosts.

    Exits with 1 when it may not. playbooks/leave.yml asks it.
    """
    with session(context, inventory, via) as at:
        keys = published_keys(at.folder)
        seen = _proven(at)
        found = departed(node, keys, at.working, seen, datetime.now(UTC))
        found = [*found, still_known(node, list(host_rows(at)))]
        data = {"node": node, "height": seen.height, "validator_key": keys.get(node), "admins_changed": _admins_changed(at, node)}
        emit(Result(data, findings=found), as_json)


def _admins_changed(at: Session, node: str) -> bool:
    """Tell whether the admins of a node's organisation are others than when its host was made: it encrypts to those."""
    gone, before = left(at.folder, at.working).get(node, (None, at.working))
    then, now = ((one.organisations.get(gone.organisation) if gone else None) for one in (before, at.working))
    return bool(then and now and then.admins != now.admins)


def _on_chain(at: Session) -> OnChain:
    policy, known = at.policy(), proven_validators(at.driver, at.follower)
    powers = {base64.b64encode(one.public_key).decode(): one.power for one in known.then}
    return OnChain(read_mark(policy.text), policy.threshold, members(at.driver), powers, known.block.height)


def _proven(at: Session) -> Proven:
    policy, known = at.policy(), proven_validators(at.driver, at.follower)
    keys = {base64.b64encode(one.public_key).decode() for one in (*known.now, *known.then)}
    block = known.block
    return Proven(read_mark(policy.text), block.height, known.time, block.power, block.total_power, keys)


def host_rows(at: Session) -> Iterator[Row]:
    """Yield our nodes and monitors beside the file, each asked now."""
    # Where all nodes of the organisation left, their hosts are asked for the chain, and are none of the file's.
    if set(at.asks.nodes) <= at.working.nodes.keys():
        for name, answer in sorted(at.asks.ask_all(["status"]).items()):
            yield from node_rows(name, at.working, _status(name, answer))
    for name in at.asks.monitors:
        yield from monitor_rows(name, at.working, _targets(at, name))


def _status(name: str, answer: dict[str, Any] | NodeopsError) -> NodeStatus | str:
    if isinstance(answer, NodeopsError):
        return answer.what
    try:
        found = parse_status(json.dumps(answer).encode(), name)
    except HostError as error:
        return error.what
    return found if found.node == name else f"the host says that it is {found.node}"


def _targets(at: Session, monitor: str) -> dict[str, str] | str:
    """Return the address at which a monitor asks each node, or why nobody knows."""
    try:
        groups = _GROUPS.validate_json(at.asks.file(monitor, _TARGETS))
    except NodeopsError as error:
        return error.what
    except ValidationError:
        return f"{_TARGETS} is not a list of targets"
    return {one.labels.get("node", "?"): _address(target) for one in groups for target in one.targets}


def _address(target: str) -> str:
    return target.rpartition(":")[0].removeprefix("[").removesuffix("]")
