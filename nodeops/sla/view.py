"""What the verbs of service levels answer: tables for people, data for machines, a CSV of what was not good. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from nodeops.core.digest import canonical, sha256
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.quorum.lease.promised import shown_time
from nodeops.sla.contract import Contract
from nodeops.sla.fractions import shown_percent
from nodeops.sla.statement import SO_FAR
from nodeops.sla.tally import State

_COLUMNS = ("node", "availability", "good", "bad", "maintenance", "network", "unmeasured", "not yet", "double votes", "credit")
_CSV = ("node", "state", "from_utc", "until_utc", "seconds", "first_height", "last_height", "blocks", "voted", "cause")
_MOST_SHOWN = 20


def stated(found: Mapping[str, Any], written: Sequence[str]) -> Result:
    """Return the answer of `sla statement`. `written` says which files were written."""
    data, so_far = canonical(found), found["schema"] == SO_FAR
    period, chain = found["period"], found["chain"]
    when = (
        f"{shown_time(period['start'])} to {shown_time(period['end'])}, {period['slices']} slices of {period['slice_seconds']} s"
    )
    lines = [*_heads(found), f"{period['name']} in {period['zone']}: {when}"]
    lines += [
        f"blocks {chain['first']['height']} to {chain['last']['height']}" if chain["first"] else "the chain made no block in it"
    ]
    lines += [_line(one) for one in found["intervals"][:_MOST_SHOWN]]
    more = len(found["intervals"]) - _MOST_SHOWN
    lines += [f"and {more} more: --csv FILE has all"] if more > 0 else []
    lines += [] if so_far else [f"SHA-256 of the statement: {sha256(data)}"]
    lines += written
    body = {"so_far": found} if so_far else {"statement": found, "sha256": sha256(data)}
    return Result(body, [_table(found)], lines, _without_power(found))


def _heads(found: Mapping[str, Any]) -> list[str]:
    if found["schema"] == SO_FAR:
        return ["NO STATEMENT: the period is not over, and this is what there is so far"]
    credit = {name: percent for name, percent in found["credit"].items() if name != "availability"}
    return [f"credit: {', '.join(f'{name} {percent} %' for name, percent in sorted(credit.items()))}"]


def _table(found: Mapping[str, Any]) -> Table:
    rows = []
    for name, node in sorted(found["nodes"].items()):
        counts = [str(node["slices"][str(state)]) for state in State]
        rows.append((name, _percent(node["availability"]), *counts, str(len(node["double_votes"])), f"{node['credit']} %"))
    return Table(_COLUMNS, rows, f"{found['contract']['name']} {found['period']['name']}")


def _percent(written: str) -> str:
    return shown_percent(None if written == "no claim" else Fraction(written))


def _without_power(found: Mapping[str, Any]) -> list[Finding]:
    hint = "is the address in the contract that of the node's own key? nodeops ledger status on it says so"
    return [
        Finding("sla.no_power", Verdict.WARN, "voting power in the period", f"{name} ({node['address']}) had none", hint)
        for name, node in sorted(found["nodes"].items())
        if not node["votes"]["blocks"]
    ]


def cause(one: Mapping[str, Any]) -> str:
    """Return in words why slices were not good."""
    voted = f"voted for {one['voted']} of {one['blocks']} blocks"
    return {
        State.BAD: voted,
        State.MAINTENANCE: f"{voted}, under the lease of block {one['lease_height']}",
        State.NETWORK: f"the chain made no block between {one['first_height']} and {one['last_height']}",
        State.UNMEASURED: "had no voting power any more",
        State.NOT_YET: "had no voting power yet",
    }[State(one["state"])]


def _line(one: Mapping[str, Any]) -> str:
    heights = "" if one["state"] == State.NETWORK else f" (blocks {one['first_height']} to {one['last_height']})"
    return f"{one['node']} {one['state']} {shown_time(one['start'])} to {shown_time(one['end'])}{heights}: {cause(one)}"


def as_csv(found: Mapping[str, Any]) -> bytes:
    """Return all slices that were not good, those of one kind in a row together."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV)
    for one in found["intervals"]:
        span = (shown_time(one["start"]), shown_time(one["end"]), one["end"] - one["start"])
        places = (one["first_height"], one["last_height"], one["blocks"], one["voted"])
        writer.writerow((one["node"], one["state"], *span, *places, cause(one)))
    return text.getvalue().encode()


def checked(contract: Contract, digest: str, compared: str, findings: Sequence[Finding]) -> Result:
    """Return the answer of `sla check`. `compared` says what it was compared with."""
    nodes = ", ".join(f"{name} ({address})" for name, address in sorted(contract.service.nodes.items()))
    lines = [
        f"{contract.contract}: {contract.provider} serves {contract.customer}: {nodes}",
        f"{contract.objective} % of slices of {contract.slice_seconds} s, months of {contract.period.zone}",
        f"SHA-256 {digest}: the other party's file has the same",
        compared,
    ]
    return Result({"contract": contract.model_dump(mode="json", by_alias=True), "sha256": digest}, lines=lines, findings=findings)


def verified(found: Mapping[str, Any], difference: str) -> Result:
    """Return the answer of `sla verify`; `difference` is "" where this node's chain says the same bytes."""
    name, period = found["contract"]["name"], found["period"]["name"]
    digest = sha256(canonical(found))
    data = {"same": not difference, "difference": difference, "sha256_here": digest}
    if not difference:
        return Result(data, lines=[f"{name} {period}: this node's chain says the same, byte for byte: {digest}"])
    hint = (
        "one of both is not what the chain says; where leases alone differ, both hosts need the same keys for records: site.yml"
    )
    finding = Finding("sla.differs", Verdict.FAIL, "what this node's chain says", difference, hint)
    return Result(data, lines=[f"{name} {period}: is not what this node's chain says"], findings=[finding])
