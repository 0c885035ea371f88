"""Does what is there say the same as the consortium file: the chain, each node of ours, each monitor? Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from nodeops.consortium.force import in_force
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Result, Table
from nodeops.document.models import Consortium
from nodeops.document.resolve import consortium_digest
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.founding.genesis import founding_powers, threshold
from nodeops.ledger.node.status import NodeStatus

_COLUMNS = ("where", "what", "the file says", "found", "")
_SITE = "ansible-playbook playbooks/site.yml"
_MONITORING = "ansible-playbook playbooks/monitoring.yml"
_VOTE = "nodeops consortium log says who ordered it; a revision that says so, or one that takes it back"
_FIREWALL: Mapping[str, Verdict] = {"on": Verdict.PASS, "on trial": Verdict.WARN}


@dataclass(frozen=True)
class OnChain:
    """What the chain says. `powers` by validator key (base64), proven with `mark` and `threshold`; `organisations` by account,
    as one node tells. `height`: of the block that proves the powers."""

    mark: Mark | None
    threshold: int
    organisations: Mapping[str, str]
    powers: Mapping[str, int]
    height: int


@dataclass(frozen=True)
class Row:
    """One comparison: of which place, of what, what the file says and what was found there."""

    where: str
    what: str
    file: str
    found: str
    verdict: Verdict = Verdict.FAIL
    hint: str = ""

    def finding(self) -> Finding:
        """Return it as a judged fact."""
        return Finding(f"drift.{self.what}", self.verdict, f"{self.where}: {self.file}", self.found, self.hint)


def chain_rows(working: Consortium, keys: Mapping[str, str], chain: OnChain) -> Iterator[Row]:
    """Yield what the chain says beside the file. `keys` are the validator keys (base64) of nodes, as members published them."""
    force = in_force(chain.mark, mark_of(working))
    same = force.verdict is Verdict.PASS
    yield Row("chain", "revision", _short(working), "the same" if same else force.actual, force.verdict, force.hint)
    yield from _powers(working, keys, chain.powers)
    yield from _organisations(working, chain.organisations)
    yield _same("chain", "threshold", str(threshold(working)), str(chain.threshold), _VOTE)


def _short(working: Consortium) -> str:
    return f"revision {working.revision}, digest {consortium_digest(working)[:16]}"


def _powers(working: Consortium, keys: Mapping[str, str], powers: Mapping[str, int]) -> Iterator[Row]:
    wanted = founding_powers(working)
    for name in sorted(wanted.keys() - keys.keys()):
        hint = f"its organisation publishes identities/{name}.yml"
        yield Row("chain", "validators", f"{name} has power {wanted[name]}", "its key is not published here", hint=hint)
    nodes = {key: name for name, key in keys.items()}
    strangers = {key: f"a validator with key {key}" for key in powers.keys() - nodes.keys()}
    found = {(nodes | strangers)[key]: power for key, power in powers.items()}
    known = {name: power for name, power in wanted.items() if name in keys}
    wrong = [name for name in sorted({*found, *known}) if found.get(name, 0) != known.get(name, 0)]
    for name in wrong:
        yield _same("chain", "validators", _power(name, known.get(name, 0)), _power(name, found.get(name, 0)), _VOTE)
    if not wrong and len(known) == len(wanted):
        yield Row("chain", "validators", _count(len(wanted), sum(wanted.values())), "the same", Verdict.PASS)


def _power(name: str, power: int) -> str:
    return f"{name} has power {power}" if power else f"{name} has no power"


def _count(validators: int, power: int) -> str:
    return f"{validators} validators with power {power}"


def _organisations(working: Consortium, there: Mapping[str, str]) -> Iterator[Row]:
    wanted = {account_address(one.account): name for name, one in working.organisations.items() if one.account}
    for address in sorted(wanted.keys() - there.keys()):
        yield Row("chain", "organisations", f"{wanted[address]} decides", f"{wanted[address]}'s account is no member", hint=_VOTE)
    for address in sorted(there.keys() - wanted.keys()):
        yield Row("chain", "organisations", "no such member", f"{there[address]!a} ({address}) decides", hint=_VOTE)
    if wanted.keys() == there.keys():
        yield Row("chain", "organisations", ", ".join(sorted(wanted.values())), "the same", Verdict.PASS)


def node_rows(name: str, working: Consortium, said: NodeStatus | str) -> Iterator[Row]:
    """Yield what a node of ours says beside the file. `said` is why there is no answer, in a line."""
    if isinstance(said, str):
        yield Row(name, "node", "it answers", said, hint="nodeops fleet status")
        return
    same = (said.revision, said.document_digest) == (working.revision, consortium_digest(working))
    made = f"revision {said.revision}, digest {said.document_digest[:16]}"
    yield _judged(Row(name, "document", _short(working), made, hint=_SITE), same)
    if not said.running:
        yield Row(name, "peers", "its ledger runs", said.error or "it does not", hint="nodeops fleet status")
    else:
        yield from _peers(name, working, said.peers)
    word = said.guards.get("firewall", "unknown")
    # The rules follow from the node document, so with this revision and "on", who is let in is who stands in the file.
    hint = "nodeops firewall status on that host says which rule"
    yield Row(name, "firewall", "rules that follow from its document", word, _FIREWALL.get(word, Verdict.FAIL), hint)


def _peers(name: str, working: Consortium, peers: Collection[str]) -> Iterator[Row]:
    wanted = working.nodes.keys() - {name}
    strangers, missing = sorted(set(peers) - wanted), sorted(wanted - set(peers))
    if strangers:
        yield Row(name, "peers", "no such member", f"connected to {', '.join(strangers)}", hint=_SITE)
    if missing:
        # A member may be down: that is for `fleet status` to judge, and no difference from the file.
        found = f"not connected to {', '.join(missing)}"
        yield Row(name, "peers", f"{len(wanted)} peers", found, Verdict.WARN, "nodeops fleet status says who is down")
    if not strangers and not missing:
        yield Row(name, "peers", f"{len(wanted)} peers", "the same", Verdict.PASS)


def monitor_rows(name: str, working: Consortium, targets: Mapping[str, str] | str) -> Iterator[Row]:
    """Yield whom a monitor of ours watches beside the file: addresses by node. A text is why nobody knows."""
    if isinstance(targets, str):
        yield Row(name, "targets", "they can be read", targets, hint=_MONITORING)
        return
    wanted = {node: str(one.address) for node, one in working.nodes.items()}
    strangers = sorted(f"{node} ({address})" for node, address in targets.items() if wanted.get(node) != address)
    missing = sorted(wanted.keys() - targets.keys())
    if strangers:
        yield Row(name, "targets", "no such member", f"asks {', '.join(strangers)}", hint=_MONITORING)
    if missing:
        found = f"does not ask {', '.join(missing)}"
        yield Row(name, "targets", f"{len(wanted)} nodes", found, Verdict.WARN, f"{_MONITORING}, once it has published")
    if not strangers and not missing:
        yield Row(name, "targets", f"{len(wanted)} nodes", "the same", Verdict.PASS)


def _same(where: str, what: str, file: str, found: str, hint: str) -> Row:
    return _judged(Row(where, what, file, found, hint=hint), file == found)


def _judged(row: Row, same: bool) -> Row:
    return Row(row.where, row.what, row.file, "the same" if same else row.found, Verdict.PASS, "") if same else row


def drift_result(rows: Collection[Row], height: int) -> Result:
    """Return the whole answer of `nodeops consortium drift`."""
    differing = [one for one in rows if one.verdict is not Verdict.PASS]
    table = Table(_COLUMNS, [(one.where, one.what, one.file, one.found, _mark(one.verdict)) for one in rows])
    names = ("where", "what", "file", "found")
    drift = [{**{key: getattr(one, key) for key in names}, "verdict": one.verdict.value} for one in differing]
    lines = [f"the chain's validators are proven at height {height}"]
    return Result({"height": height, "compared": len(rows), "drift": drift}, [table], lines, [one.finding() for one in differing])


def _mark(verdict: Verdict) -> str:
    return {Verdict.PASS: "", Verdict.WARN: "look"}.get(verdict, "DRIFT")
