"""What a revision means for people: who holds how much before and after, which ports open to whom, which nodes restart. Pure."""

from collections.abc import Iterator, Sequence

from nodeops.consortium.effects import Effect, beside, effects, let_go
from nodeops.consortium.rules import shares
from nodeops.core.finding import Finding
from nodeops.core.result import Result, Table
from nodeops.document.models import Consortium, Node
from nodeops.document.profile import Profile
from nodeops.document.resolve import consortium_digest
from nodeops.ledger.founding.genesis import threshold
from nodeops.ledger.quorum import needed

_COLUMNS = ("organisation", "power now", "power then")
# What of the ledger stands in the configuration of every node.
_CONFIGURED = ("block_seconds", "application", "state_blocks")


def power_table(old: Consortium, new: Consortium, profile: Profile) -> Table:
    """Return the power of each organisation before and after, and what blocks and decisions need."""
    before, after = shares(old), shares(new)
    rows: list[tuple[str, ...]] = [
        (name, str(before[name]), str(after[name])) for name in sorted({*old.organisations, *new.organisations})
    ]
    rows.append(("all", str(before.total()), str(after.total())))
    rows.append(("needed for blocks", *(str(needed(held.total(), profile.quorum)) for held in (before, after))))
    rows.append(("needed for decisions", *(f"{threshold(one)} of {len(one.organisations)}" for one in (old, new))))
    return Table(_COLUMNS, rows)


def consequences(old: Consortium, new: Consortium, profile: Profile) -> list[str]:
    """Return what site.yml will do on hosts for it, a line each, as far as both files tell."""
    came = {name: node for name, node in new.nodes.items() if old.nodes.get(name) is None}
    went = {name: node for name, node in old.nodes.items() if new.nodes.get(name) is None}
    moved = {name: node for name, node in new.nodes.items() if name in old.nodes and node.address != old.nodes[name].address}
    lines = [
        *_ports("opens", {**came, **moved}, profile),
        *_ports("closes", {**went, **{name: old.nodes[name] for name in moved}}, profile),
        *_answering("opens", old, new, profile),
        *_answering("closes", new, old, profile),
        *_monitors("opens", old, new),
        *_monitors("closes", new, old),
    ]
    renewed = let_go(old, new)
    if came or went or moved or renewed:
        names = ", ".join(sorted(set(new.nodes) & set(old.nodes)))
        lines.append(f"peers change, so these nodes restart one at a time: {names}")
    elif any(getattr(old.ledger, one) != getattr(new.ledger, one) for one in _CONFIGURED):
        lines.append("the ledger's configuration changes, so all nodes restart one at a time")
    return lines


def _ports(does: str, nodes: dict[str, Node], profile: Profile) -> Iterator[str]:
    for port_name, port in profile.ports.items():
        if port.scope == "members":
            for name, node in sorted(nodes.items()):
                yield f"every node {does} port {port.port} ({port_name}) to {node.address} ({name}, {node.organisation})"


def _answering(does: str, without: Consortium, having: Consortium, profile: Profile) -> Iterator[str]:
    rpc = profile.ports["rpc"].port
    for name, node in sorted(having.nodes.items()):
        known = without.nodes.get(name)
        if node.answers_members and not (known and known.answers_members):
            yield f"{name} ({node.organisation}) {does} port {rpc} (rpc) to every other node, and restarts for it"


def _monitors(does: str, without: Consortium, having: Consortium) -> Iterator[str]:
    for name, monitor in sorted(having.monitors.items()):
        known = without.monitors.get(name)
        if known is None or known.address != monitor.address:
            yield f"every node {does} the port of its exporter to {monitor.address} ({name}, {monitor.organisation})"


def diff_result(old: Consortium, new: Consortium, profile: Profile, findings: Sequence[Finding]) -> Result:
    """Return the whole answer of `nodeops consortium diff`."""
    what, rest, then = effects(old, new), beside(old, new), consequences(old, new, profile)
    digests = {"from": consortium_digest(old), "to": consortium_digest(new)}
    data = {
        "revisions": {"from": old.revision, "to": new.revision},
        "digests": digests,
        "effects": [one.as_dict() for one in what],
        "beside": [{"key": key, "old": before, "new": after} for key, before, after in rest],
        "consequences": then,
    }
    head = f"revision {old.revision} ({digests['from'][:16]}) -> revision {new.revision} ({digests['to'][:16]})"
    lines = [head, *effect_lines(what), *(f"beside the chain: {line}" for row in rest for line in beside_lines(*row)), *then]
    return Result(data, lines=lines, tables=[power_table(old, new, profile)], findings=findings)


def effect_lines(what: Sequence[Effect]) -> list[str]:
    """Return effects for people, a line each."""
    return [f"on the chain: {one}" for one in what] or ["on the chain: the digest alone"]


def beside_lines(key: str, before: object, after: object) -> list[str]:
    """Return a difference for people, whole, because what is cut off may be what differs; of lists the elements that do."""
    if isinstance(before, list) and isinstance(after, list):
        lines = [f"{key}: without {one}" for one in before if one not in after]
        lines += [f"{key}: with {one}" for one in after if one not in before]
        if lines:
            return lines
    return [f"{key}: {_text(before)} -> {_text(after)}"]


def _text(value: object) -> str:
    return "nothing" if value is None else str(value)
