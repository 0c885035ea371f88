"""`nodeops logs level`: at which level the ledger logs, and another level for a while."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from nodeops.console import DocumentOption, DryRunFlag, JsonFlag, emit, working
from nodeops.core.errors import InputError
from nodeops.core.result import Change, Result
from nodeops.document.host import load_node_document
from nodeops.host.lock import changes_host
from nodeops.logs.level import observe, places, set_level, take_back
from nodeops.logs.level_rules import plan_back, plan_set, seconds_of, summary
from nodeops.quorum.cli import PATIENCE_SECONDS, ChainStandsFlag, ForceOption, PatienceOption, RollOption, request
from nodeops.quorum.leave import Asked

Report = Callable[[str], None]
NameArgument = Annotated[str | None, typer.Argument(metavar="[LEVEL]", help="The level to set; none shows what is set.")]
ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h; at most 24h. Required for debug."),
]
BackFlag = Annotated[bool, typer.Option("--back", help="Take it back now.")]
OnlyOption = Annotated[str, typer.Option("--only", hidden=True, help="Do nothing when another level was set since.")]
TimeoutOption = Annotated[int, typer.Option("--timeout", min=1, max=86400, help="Seconds that the node gets to come back.")]


@changes_host("name", "back")
def level(
    name: NameArgument = None,
    lasting: ForOption = None,
    back: BackFlag = False,
    only: OnlyOption = "",
    timeout: TimeoutOption = 90,
    roll: RollOption = "",
    chain_stands: ChainStandsFlag = False,
    force: ForceOption = "",
    patience: PatienceOption = PATIENCE_SECONDS,
    dry_run: DryRunFlag = False,
    document: DocumentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show at which level the ledger logs, or set it for a while: it goes back by itself.

    The node is restarted for that, once the quorum gate lets it."""
    _require_one(name, lasting, back)
    node = load_node_document(document)
    where = places(node)
    seen = observe(node, where)
    changes: list[Change] = []
    asked = Asked(node, request(node, roll, chain_stands, force), patience)
    if name is not None:
        seconds = seconds_of(name, lasting, node.ledger)
        changes = plan_back(seen) if name == node.ledger.log_level else plan_set(seen, name, seconds)
        act = partial(set_level, node, where, name, lasting, timeout)
        changes = changes if dry_run else _restarting(asked, changes, act)
    elif back:
        changes = plan_back(seen)
        act = partial(take_back, node, where, timeout, only=only)
        changes = changes if dry_run else _restarting(asked, changes, act)
    seen = seen if dry_run else observe(node, where)
    data = {"level": seen.level, "configured": seen.configured, "seconds_left": seen.left, "active": seen.active}
    emit(Result(data, lines=[summary(seen)], changes=changes), as_json)


def _require_one(name: str | None, lasting: str | None, back: bool) -> None:
    if name is not None and back:
        raise InputError("give a level or --back, not both", where="nodeops logs level")
    if lasting is not None and name is None:
        raise InputError("says how long a level is set, and needs one", where="--for", hint="nodeops logs level debug --for 30m")


def _restarting(asked: Asked, changes: list[Change], act: Callable[[Report], list[Change]]) -> list[Change]:
    with working("waiting until the node takes part again") as say:
        report = say
        if any(change.what.startswith("restart ") for change in changes):
            asked.wait(report)
        return act(report)
