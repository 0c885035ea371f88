"""Whether a contract says of nodes what this host knows of them. Pure."""

from collections.abc import Iterator, Mapping

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument
from nodeops.sla.contract import Contract

# So many blocks a slice, by as many proposers, each of whom may leave out a vote.
_LEAST_BLOCKS = 3


def contradictions(contract: Contract, document: NodeDocument, founders: Mapping[str, str], leases: bool) -> Iterator[InputError]:
    """Yield what a contract says against this host's chain. `founders` are the genesis' validators: addresses by names; `leases`
    tells whether the ledger has leases."""
    chain, owners = document.ledger.chain, {address: name for name, address in founders.items()}
    if contract.chain != chain:
        yield InputError(f"is about chain {contract.chain}", where="chain", allowed=chain)
    for name, address in contract.service.nodes.items():
        owner = owners.get(address, name)
        if owner != name:
            yield InputError(
                f"is the address of {owner}, as the genesis says", where=f"service.nodes.{name}", allowed=_own(founders, name)
            )
    if contract.maintenance and not leases:
        text = f"there are no leases on {document.ledger.platform}, so nothing can be maintenance"
        yield InputError(text, where="maintenance", hint="leave it out")


def _own(founders: Mapping[str, str], name: str) -> str:
    return founders.get(name, "the address of the node's own key, as nodeops ledger status says on it")


def outsiders(contract: Contract, document: NodeDocument) -> Iterator[InputError]:
    """Yield which nodes cannot be measured, or are not the provider's, as this host's consortium file says today."""
    members = {one.name: one for one in document.members}
    organisations = {one.organisation for one in document.members}
    for party in ("provider", "customer"):
        if (name := getattr(contract, party)) not in organisations:
            yield InputError(f"{name} has no node in the consortium", where=party, allowed=", ".join(sorted(organisations)))
    for name in contract.service.nodes:
        where, member = f"service.nodes.{name}", members.get(name)
        if member is None:
            yield InputError("is no node of the consortium", where=where, allowed=", ".join(sorted(members)))
        elif member.organisation != contract.provider:
            yield InputError(f"is {member.organisation}'s, not {contract.provider}'s", where=where)
        elif member.duty != "validator":
            why = "does not vote: how well it serves is seen by monitors' probes alone, which do not stand on the ledger yet"
            yield InputError(why, where=where, allowed="validators")


def advice(contract: Contract, document: NodeDocument, founders: Mapping[str, str]) -> list[Finding]:
    """Return what holds, and may not be meant."""
    found, block_seconds = [], document.ledger.block_seconds
    if contract.slice_seconds < _LEAST_BLOCKS * block_seconds:
        few = f"slices of {contract.slice_seconds} s, a block about every {block_seconds:g} s"
        hint = "with fewer than three blocks a slice one proposer alone may make a slice bad: take longer slices"
        found.append(Finding("sla.short_slices", Verdict.WARN, f"{_LEAST_BLOCKS} blocks a slice or more", few, hint))
    for name, address in contract.service.nodes.items():
        if founders.get(name, address) != address:
            hint = "right only if this node's key was replaced since the chain was founded"
            found.append(Finding("sla.other_key", Verdict.WARN, f"{name} votes as {founders[name]}", f"{name}: {address}", hint))
    return found
