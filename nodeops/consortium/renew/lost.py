"""May a validator of ours be brought back on a fresh host? Judged by what the chain proves, before that host is touched. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from nodeops.consortium.drift.compare import Row
from nodeops.consortium.force import in_force
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.identity.identity import Identity

_ANEW = "let a new node in under another name, and this one out: docs/membership.md"
_SITE = "ansible-playbook playbooks/site.yml"


@dataclass(frozen=True)
class Proven:
    """What is proven from the genesis: the revision in force, validator keys (base64) of the genesis and of the newest block, and
    the addresses of those that signed lately. `restoring`: a restore on the host that is reached under this name has given it the
    node's key, and is not over."""

    mark: Mark | None
    founders: Collection[str]
    voting: Collection[str]
    signers: Collection[str]
    restoring: bool = False


def lost(node: str, working: Consortium, published: Identity | None, seen: Proven, rows: Sequence[Row]) -> list[Finding]:
    """Return whether a node is a validator that a restore can bring back, is silent, and expected by our other hosts.

    `rows` are what our hosts were compared with the file by.
    """
    there = [_file(node, working), in_force(seen.mark, mark_of(working))]
    if published is None:
        hint = f"put identities/{node}.yml there as it was published"
        return [*there, _no("identity", "members know its keys", "its identity is not here", hint)]
    return [*there, *_keys(published, seen), _silent(published, seen), _hosts(node, rows)]


def _file(node: str, working: Consortium) -> Finding:
    expected, entry = "consortium.yml names it, with power", working.nodes.get(node)
    if entry and entry.voting_power:
        return _yes("file", expected, f"revision {working.revision}: power {entry.voting_power}, at {entry.address}")
    actual = f"revision {working.revision} names it {'without power' if entry else 'nowhere'}"
    return _no("file", expected, actual, f"a restore brings validators back: {_ANEW}")


def _keys(published: Identity, seen: Proven) -> Iterator[Finding]:
    key, votes, founded = published.validator_key.value, "it validates", "the genesis names its key"
    if key in seen.voting:
        yield _yes("power", votes, "its published key is one of the chain's validators'")
    else:
        yield _no("power", votes, "its published key is none of the chain's validators'", "nodeops consortium drift")
    if key in seen.founders:
        yield _yes("founder", founded, "it does")
    else:
        yield _no("founder", founded, "it joined later, and a restore knows founders only", _ANEW)


def _silent(published: Identity, seen: Proven) -> Finding:
    """Two hosts with one key sign twice. Whether the old one is dead no block can tell; that it lives, one can."""
    expected = "nobody signs with its key"
    if published.validator_address not in seen.signers:
        return _yes("silent", expected, "none of the newest blocks has its signature")
    if seen.restoring:
        actual = "a restore that was interrupted has given it to the host that is reached under this name"
        return Finding("lost.silent", Verdict.WARN, expected, actual, "this run ends it")
    hint = (
        "the old host is alive, or another one has its keys: find it, stop it, remove them; no words help."
        f" Where it is restored already: {_SITE} --limit {published.node}"
    )
    return _no("silent", expected, "one of the newest blocks has its signature", hint)


def _hosts(node: str, rows: Sequence[Row]) -> Finding:
    """One of ours that cannot be asked may be down, too; one that answers must know where the node is by now."""
    expected = "our other hosts are made what this file says"
    late = sorted(one.where for one in rows if one.what == "document" and one.verdict is Verdict.FAIL and one.where != node)
    if not late:
        return _yes("hosts", expected, "each that answers is")
    return _no("hosts", expected, f"not yet: {', '.join(late)}", f"{_SITE} --limit '!{node}'")


def _yes(what: str, expected: str, actual: str) -> Finding:
    return Finding(f"lost.{what}", Verdict.PASS, expected, actual)


def _no(what: str, expected: str, actual: str, hint: str) -> Finding:
    return Finding(f"lost.{what}", Verdict.FAIL, expected, actual, hint)
