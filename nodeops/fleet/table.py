"""The table of all nodes by organisation: managed nodes as their hosts answered, others as the chain itself shows them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from nodeops.core.result import Table
from nodeops.document.models import Consortium
from nodeops.fleet.answer import Answer
from nodeops.fleet.reply import one_line
from nodeops.ledger.network.judge import NetworkView, NodeRow
from nodeops.ledger.network.view import Evidence
from nodeops.ledger.node.status import NodeStatus

# Capabilities that protect a host; each says in a word how it is doing.
GUARDS = ("firewall", "hardening", "backup")
COLUMNS = ("node", "site", "state", "height", "behind", "peers", "signing", "disk", *GUARDS, "version", "document")
NOT_MANAGED = "not managed here"
LEDGER_DOWN = "ledger down"
_NOTHING = "-"
_CELL_CHARACTERS = 24
# What a narrow terminal does without, first to last; the rest is always shown.
_DISPENSABLE = ("site", "document", "version", "disk", "peers", "hardening", "behind", "backup", "firewall")
_GAP_CHARACTERS = 2


@dataclass(frozen=True)
class Seen:
    """All that is known: the consortium, the answers of managed nodes, validator addresses that members published."""

    consortium: Consortium
    answers: Mapping[str, Answer]
    published: Mapping[str, str]

    @property
    def statuses(self) -> dict[str, NodeStatus | None]:
        """Return the status of each node that was asked and is no longer waited for; None when it gave none."""
        return {name: answer.status for name, answer in self.answers.items() if not answer.waiting}

    @cached_property
    def reference(self) -> NodeStatus | None:
        """Return the status that the chain is read from: there the votes of nodes that do not answer us can be read."""
        return Evidence(self.consortium, self.statuses, self.published).reference


def fleet_table(seen: Seen, view: NetworkView) -> Table:
    """Return a row for each organisation, and below it one for each of its nodes."""
    return Table(COLUMNS, list(_rows(seen, view)))


def _rows(seen: Seen, view: NetworkView) -> Iterator[Sequence[str]]:
    for organisation in seen.consortium.organisations:
        yield (organisation, *[""] * (len(COLUMNS) - 1))
        for row in view.rows:
            if row.organisation == organisation:
                cells = (seen.consortium.nodes[row.name].site, state_of(seen, row), *_figures(seen, row))
                yield (f"  {row.name}", *(one_line(cell or _NOTHING, _CELL_CHARACTERS) for cell in cells))


def state_of(seen: Seen, row: NodeRow) -> str:
    """Return in a word or two how a node is doing, or what keeps us from knowing."""
    answer = seen.answers.get(row.name)
    if answer is None:
        return NOT_MANAGED
    if answer.status is None:
        return answer.state
    return row.state.value if answer.status.running else LEDGER_DOWN


def _figures(seen: Seen, row: NodeRow) -> Sequence[str]:
    answer = seen.answers.get(row.name)
    status = answer.status if answer else None
    return (
        _number(row.height),
        _number(row.lag_blocks),
        _number(row.peers),
        row.signed or votes_of(seen, row.name),
        _disk(status) if status else "",
        *(status.guards.get(guard, "") if status else "" for guard in GUARDS),
        row.version,
        status.document_digest[:8] if status else "",
    )


def votes_of(seen: Seen, name: str) -> str:
    """Return how many recent commits a node signed, as the node that most agree with shows it; empty when nobody can know."""
    address, reference = seen.published.get(name), seen.reference
    share = reference.signers.get(address) if reference and address else None
    return f"{share.signed}/{share.of}" if share else ""


def _disk(status: NodeStatus) -> str:
    """Return how full the fullest filesystem is, and what the disk guard says when that is not all well."""
    used = f"{max(one.filesystem_used_percent for one in status.disk):.0f}%" if status.disk else ""
    return used if status.guards.get("disk") == "normal" else f"{used} {status.guards.get('disk', '')}".strip()


def fitted(table: Table, characters: int) -> Table:
    """Return the table without its least important columns, until a row fits into so many characters or none can go."""
    for name in _DISPENSABLE:
        if _width(table) <= characters:
            break
        kept = [index for index, column in enumerate(table.columns) if column != name]
        rows = [[row[index] for index in kept] for row in table.rows]
        table = replace(table, columns=[table.columns[index] for index in kept], rows=rows)
    return table


def _width(table: Table) -> int:
    widths = [max(len(cell) for cell in column) for column in zip(table.columns, *table.rows, strict=True)]
    return sum(widths) + _GAP_CHARACTERS * len(widths)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
