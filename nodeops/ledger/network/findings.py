"""The findings on a whole network: the file, the live validator set and the nodes' copies must all say the same. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nodeops.core.finding import Finding, Verdict
from nodeops.document.resolve import consortium_digest
from nodeops.ledger.network.view import Evidence
from nodeops.ledger.node.status import RecentBlock

_LISTED = 10
# What one node says of the chain, and no other.
WORD = "network.word"
_SITE = "run ansible-playbook site.yml"
_UPGRADE = "ansible-playbook playbooks/upgrade.yml goes over node by node; what a mere restart puts right: playbooks/restart.yml"


def network_findings(evidence: Evidence, summary: str) -> list[Finding]:
    """Return every finding on the network, always in the same order and with the same ids."""
    return [
        _chain(evidence, summary),
        _word(evidence),
        _nodes(evidence),
        _identities(evidence),
        _validators(evidence),
        _strangers(evidence),
        _signing(evidence),
        _app_hash(evidence),
        _document(evidence),
        _genesis(evidence),
        _history(evidence),
        _version(evidence),
        _guards(evidence),
    ]


def _judged(name: str, expected: str, problems: Sequence[str], unknown: Sequence[str], fine: str, hint: str) -> Finding:
    """Return FAIL with the problems, else UNKNOWN with what could not be seen, else PASS."""
    verdict = Verdict.FAIL if problems else Verdict.UNKNOWN if unknown else Verdict.PASS
    actual = "; ".join([*problems, *unknown]) or fine
    return Finding(f"network.{name}", verdict, expected, actual, "" if verdict is Verdict.PASS else hint)


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return ", ".join(ordered[:_LISTED]) + more


def _chain(evidence: Evidence, summary: str) -> Finding:
    expected = "blocks are committed, and any one validator may be lost"
    if not evidence.moving or evidence.spare_power < 0:
        hint = "start dead validators until the power needed is live; nodeops status on each says why it is not"
        return Finding("network.chain", Verdict.FAIL, expected, summary, hint)
    if evidence.one_loss_halts:
        return Finding("network.chain", Verdict.WARN, expected, summary, "bring dead validators back before touching another")
    return Finding("network.chain", Verdict.PASS, expected, summary)


def _word(evidence: Evidence) -> Finding:
    expected = "no node says of the chain what no other says"
    if evidence.alone:
        hint = "it may be the only one that is up to date, or it lies: nodeops status on it, and ask another member's node"
        return Finding(WORD, Verdict.WARN, expected, "; ".join(evidence.alone), hint)
    asked = len(evidence.running)
    if asked > 1:
        return Finding(WORD, Verdict.PASS, expected, f"{asked} nodes compared")
    why = "the word of one node: there is no other to compare with" if asked else "no node answers"
    return Finding(WORD, Verdict.NOT_APPLICABLE, expected, why)


def _nodes(evidence: Evidence) -> Finding:
    dead = [name for name in evidence.asked if name in evidence.consortium.nodes and name not in evidence.running]
    problems = [f"no answer from {_listed(dead)}"] if dead else []
    fine = f"{len(evidence.running)} nodes answer"
    return _judged("nodes", "every node that was asked answers", problems, [], fine, "nodeops status on that host says why")


def _identities(evidence: Evidence) -> Finding:
    problems = []
    for what, names in _shared(evidence):
        problems.append(f"{_listed(names)} claim the same {what}")
    for name, status in evidence.running.items():
        published = evidence.published.get(name)
        if published and status.validator_address != published:
            problems.append(f"{name} has another validator key than its identities file says")
    hint = "two running copies of one key sign twice: stop one at once, then find out how the key was copied"
    return _judged("identities", "every node has keys of its own", problems, [], f"{len(evidence.running)} compared", hint)


def _shared(evidence: Evidence) -> Iterator[tuple[str, list[str]]]:
    statuses = evidence.running
    claims = {
        "validator key": {name: status.validator_address for name, status in statuses.items()},
        "node id": {name: status.node_id for name, status in statuses.items()},
    }
    for what, values in claims.items():
        for value, names in _groups(values).items():
            if value and len(names) > 1:
                yield what, names


def _groups(values: Mapping[str, str | None]) -> dict[str | None, list[str]]:
    groups: dict[str | None, list[str]] = {}
    for name, value in sorted(values.items()):
        groups.setdefault(value, []).append(name)
    return groups


def _validators(evidence: Evidence) -> Finding:
    expected = "all validators of the file are in the live set with the file's power"
    problems = [text for name, power in evidence.file_powers.items() for text in _misplaced(evidence, name, power)]
    problems += [f"{name} is a witness but votes" for name in _voting_witnesses(evidence)]
    if not evidence.set_powers:
        return _judged("validators", expected, [], ["the live set is not known"], "", "nodeops ledger validators on a node")
    unknown = [f"validator key of {_listed(evidence.unseen)} not known"] if evidence.unseen else []
    fine = f"{len(evidence.file_powers)} validators, power {sum(evidence.file_powers.values())}"
    return _judged("validators", expected, problems, unknown, fine, "change the set by the membership playbooks")


def _misplaced(evidence: Evidence, name: str, power: int) -> Iterator[str]:
    address = evidence.addresses.get(name)
    if address is None or not evidence.set_powers:
        return
    held = evidence.set_powers.get(address, 0)
    if not held:
        yield f"{name} is not in the set"
    elif held != power:
        yield f"{name} has power {held}, the file says {power}"


def _voting_witnesses(evidence: Evidence) -> list[str]:
    return [name for name, at in evidence.addresses.items() if name not in evidence.file_powers and at in evidence.set_powers]


def _strangers(evidence: Evidence) -> Finding:
    nameless, unseen = _listed(evidence.nameless), evidence.unseen
    # Validators of the file whose keys nobody told us explain as many nameless ones; more than that are strangers.
    problems = [f"not of the file: {nameless}"] if len(evidence.nameless) > len(unseen) else []
    unknown = [f"{nameless}: may be {_listed(unseen)}"] if nameless and not problems else []
    fine = f"{len(evidence.set_powers)} validators, all of the file"
    hint = "find out whose key that is; remove it by a membership change"
    return _judged("strangers", "nobody else is in the live set", problems, unknown, fine, hint)


def _signing(evidence: Evidence) -> Finding:
    names = {address: name for name, address in evidence.addresses.items()}
    silent = [names.get(address, address) for address in set(evidence.set_powers) - evidence.signing]
    problems = [f"not signing: {_listed(silent)}"] if silent else []
    unknown = [] if evidence.moving else ["no votes to see while no block is committed"]
    fine = f"{len(evidence.signing)} of {len(evidence.set_powers)} signed one of the newest commits"
    return _judged("signing", "every validator of the set signs", problems, unknown, fine, "nodeops status on that host")


def _app_hash(evidence: Evidence) -> Finding:
    expected = "one block and one app hash at one height on every node"
    blocks = {name: {block.height: block for block in status.recent} for name, status in evidence.running.items()}
    held = Counter(height for recent in blocks.values() for height in recent)
    common = max(held, key=lambda height: (held[height], height), default=0)
    at = {name: _fingerprint(recent[common]) for name, recent in blocks.items() if common in recent}
    groups = _groups(at)
    problems = (
        [" / ".join(_listed(names) for names in groups.values()) + f" differ at height {common}"] if len(groups) > 1 else []
    )
    apart = sorted(set(blocks) - set(at))
    unknown = [f"too far apart to compare: {_listed(apart)}"] if apart else []
    unknown += ["fewer than two nodes to compare"] if len(at) < 2 else []
    hint = "stop the node that differs from the rest and restore it; if they are behind, wait and look again"
    return _judged("app_hash", expected, problems, unknown, f"{len(at)} nodes equal at height {common}", hint)


def _fingerprint(block: RecentBlock) -> str:
    return f"{block.hash} {block.app_hash}"


def _document(evidence: Evidence) -> Finding:
    expected = "one document digest per revision, and the file's revision everywhere"
    digests: dict[int, dict[str, str | None]] = {
        evidence.consortium.revision: {"the file": consortium_digest(evidence.consortium)}
    }
    for name, status in evidence.statuses.items():
        digests.setdefault(status.revision, {})[name] = status.document_digest
    problems = []
    for revision, values in sorted(digests.items()):
        groups = _groups(values)
        if len(groups) > 1:
            problems.append(f"revision {revision} differs: " + " / ".join(_listed(names) for names in groups.values()))
    stale = [name for name, status in evidence.statuses.items() if status.revision != evidence.consortium.revision]
    if stale and not problems:
        actual = f"another revision than {evidence.consortium.revision}: {_listed(stale)}"
        return Finding("network.document", Verdict.WARN, expected, actual, _SITE)
    fine = f"revision {evidence.consortium.revision} on {len(evidence.statuses)} nodes"
    return _judged("document", expected, problems, [], fine, f"{_SITE}; one revision number must never name two files")


def _genesis(evidence: Evidence) -> Finding:
    groups = _groups({name: status.genesis_digest for name, status in evidence.statuses.items()})
    missing = groups.pop(None, [])
    problems = [" / ".join(_listed(names) for names in groups.values()) + " differ"] if len(groups) > 1 else []
    unknown = [f"none readable on {_listed(missing)}"] if missing else []
    fine = f"equal on {len(evidence.statuses)} nodes"
    return _judged("genesis", "one genesis on every node", problems, unknown, fine, "compare genesis.json with the inventory's")


def _history(evidence: Evidence) -> Finding:
    """Judge whether each organisation that was asked has a node with all blocks: without, it proves no old record by itself."""
    oldest = {name: status.earliest_height for name, status in evidence.running.items() if status.earliest_height}
    problems: list[str] = []
    unknown: list[str] = []
    for organisation in sorted({evidence.consortium.nodes[name].organisation for name in oldest}):
        names = [name for name, node in evidence.consortium.nodes.items() if node.organisation == organisation]
        known = {name: oldest[name] for name in names if name in oldest}
        if min(known.values()) > 1:
            text = f"{organisation} has no block below {min(known.values())} on {_listed(known)}"
            (problems if len(known) == len(names) else unknown).append(text)
    expected = "every organisation has a node with all blocks"
    hint = "let one of its nodes fetch the chain from its beginning instead of by state sync: docs/ledgerd.md"
    return _judged("history", expected, problems, unknown, f"{len(oldest)} nodes asked", hint)


def _version(evidence: Evidence) -> Finding:
    wanted = evidence.consortium.ledger.version
    runs = {name: status.release or status.version or "" for name, status in evidence.running.items()}
    other = [name for name, version in runs.items() if version.removeprefix("v") != wanted.removeprefix("v")]
    # Without the release only the process's word for itself is left, which may lag behind its release (see local.py).
    wrong = [f"{name} runs {runs[name]}" for name in other if evidence.running[name].release]
    unknown = [f"{name} calls itself {runs[name]}" for name in other if not evidence.running[name].release]
    return _judged("version", f"{wanted} runs everywhere", wrong, unknown, f"{len(runs)} nodes", _UPGRADE)


def _guards(evidence: Evidence) -> Finding:
    """Judge what protects the hosts by what each says of itself: a ledger may run well on a host that is open to everyone."""
    problems = [f"{name}: {trouble}" for name, status in evidence.statuses.items() for trouble in status.troubles]
    shown = problems[:_LISTED] + ([f"and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else [])
    expected = "what protects each host is in force"
    return _judged(
        "guards", expected, shown, [], f"on {len(evidence.statuses)} nodes", "nodeops status on that host, then its hint"
    )
