"""The whole chain, by node, as this host's node shows it and others prove it: power, leases, and who says something else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.document.models import NodeDocument
from nodeops.document.profile import load_profile
from nodeops.ledger.driver import Driver, driver_for
from nodeops.ledger.node.observe import peer_names
from nodeops.quorum.lease.policy import Reading
from nodeops.quorum.lease.promised import shown_time
from nodeops.quorum.lease.store import open_leases, validators_by_name
from nodeops.quorum.lease.view import lease_table, reading_data
from nodeops.quorum.leave import observe
from nodeops.quorum.newest import Told
from nodeops.quorum.others import compare
from nodeops.quorum.outlook import Outlook, Voter, outlook
from nodeops.records.backend import knows_authors

# A peer's height is told in the middle of a round; so many blocks more are no disagreement.
_AHEAD_BLOCKS = 3
_UNREAD = "quorum.leases"


@dataclass(frozen=True)
class Sight:
    """The outlook, the book of leases (None where there is none), what is odd, and who else was asked what it can prove."""

    outlook: Outlook
    leases: Reading | None
    findings: Sequence[Finding]
    asked: Sequence[Told] = ()


def looked(node: NodeDocument) -> Sight:
    """Return what this node shows, and by whose blocks it is judged. Raise HostError when its ledger does not answer."""
    driver = driver_for(node)
    shown = observe(node, driver)
    found = compare(node, shown)
    seen = found.seen
    addresses = {**validators_by_name(node), node.node.name: seen.own}
    read, findings = _leases(node)
    live = read.book.reserved(read.now) if read else ()
    chain = outlook(seen, node.members, addresses, load_profile(node.ledger.platform).quorum, live)
    return Sight(chain, read, [*found.findings, *findings, *_peers(node, driver, shown.height)], found.asked)


def _leases(node: NodeDocument) -> tuple[Reading | None, list[Finding]]:
    if not knows_authors(node):
        return None, []
    try:
        return open_leases(node).read(), []
    except NodeopsError as error:
        text = f"leases cannot be read, and count for nothing here: {error.what}"
        return None, [Finding(_UNREAD, Verdict.WARN, "leases are read with nothing left out", text, error.hint)]


def _peers(node: NodeDocument, driver: Driver, height: int) -> list[Finding]:
    """Warn of peers that say there are newer blocks: this node lags, or they lie. Only what they claim is known of it."""
    claims, names = driver.peer_heights(), peer_names(driver.peers(), node)
    ahead = {names.get(peer, peer): claim for peer, claim in claims.items() if claim > height + _AHEAD_BLOCKS}
    return [_disagrees(node, ahead, height)] if ahead else []


def _disagrees(node: NodeDocument, ahead: Mapping[str, int], height: int) -> Finding:
    owners = {one.name: one.organisation for one in node.members}
    told = ", ".join(f"{name} ({owners.get(name, 'unknown')}) {claim}" for name, claim in sorted(ahead.items()))
    text = f"this node shows height {height}, peers say more: {told}"
    return Finding(
        "quorum.peers", Verdict.WARN, "peers know no newer blocks", text, "this node lags, or they lie: nodeops status"
    )


def status_of(sight: Sight) -> Result:
    """Return the answer of `quorum status`."""
    found, read = sight.outlook, sight.leases
    data = {
        "height": found.height,
        "moving": found.moving,
        "power": _power(found),
        "voters": [{**vars(one), "signs": one.signs if found.moving else None} for one in found.voters],
        "may_go": found.may_go(),
        "leases": reading_data(read) if read else None,
        "asked": [_asked(one) for one in sight.asked],
    }
    rows = [_row(one, sight) for one in found.voters]
    tables = [Table(("node", "organisation", "power", "signs", "lease until", "may go"), rows)]
    tables += lease_table(found.leases, read.now) if read else []
    return Result(data, tables, _lines(sight), [_margin(found), *sight.findings])


def _asked(one: Told) -> dict[str, str | int | None]:
    """Return what another organisation's node came to: the height that it proves, None and why not."""
    proves = one.height if one.proven else None
    return {"node": one.name, "organisation": one.organisation, "claims": one.claimed, "proves": proves, "why": one.why}


def _power(found: Outlook) -> dict[str, int | None]:
    """Return the numbers. Of a chain that stands nobody knows who is live: its last votes are old."""
    live, left = (found.live, found.margin) if found.moving else (None, None)
    return {"total": found.total, "live": live, "needed": found.needed, "margin": left}


def _row(one: Voter, sight: Sight) -> tuple[str, ...]:
    lease = next((lease for lease in sight.outlook.leases if lease.node == one.name), None)
    moving, signs = sight.outlook.moving, "yes" if one.signs else "no"
    may_go = "-" if not (moving and one.signs) else "yes" if one.name and sight.outlook.allows([one.name]) else "no"
    until = shown_time(lease.until) if lease else "-"
    return (one.shown, one.organisation or "-", str(one.power), signs if moving else "-", until, may_go)


def _lines(sight: Sight) -> list[str]:
    found = sight.outlook
    moving = f"height {found.height}: {found.counted()}, margin {found.margin}; {_who(found)}"
    lines = [moving if found.moving else f"{found.needed} of {found.total} must sign; who is live nobody can tell"]
    if sight.leases is None and all(one.id != _UNREAD for one in sight.findings):
        lines.append("this ledger has no authors, so there are no leases")
    return lines


def _who(found: Outlook) -> str:
    going = found.may_go()
    if not going:
        return "none may go"
    left = min(found.left([name]) for name in going)
    after = f"{left} more voting power" if left > 0 else "none"
    return f"{'any one of ' if len(going) > 1 else ''}{', '.join(going)} may go, after that {after}"


def _margin(found: Outlook) -> Finding:
    if not found.moving:
        return Finding("quorum.margin", Verdict.FAIL, "blocks come", f"the chain stands still at height {found.height}")
    text = f"{found.counted()}, margin {found.margin}"
    spare = found.total - found.needed
    verdict = Verdict.PASS if found.margin > 0 or not spare else Verdict.FAIL
    return Finding("quorum.margin", verdict, "one more may be lost", text, "bring validators back: nodeops ledger validators")
