"""Does the file in force let a key go, and did another take its place? Where no host can: who does it how. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from nodeops.consortium.force import in_force
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.identity.identity import Identity

Key = Literal["node", "record", "validator", "organisation"]
KEYS: tuple[Key, ...] = get_args(Key)
_PAGE = "docs/membership.md"
_PROPOSE = "give it a new revision that says so, then: nodeops consortium propose, and the others approve"


@dataclass(frozen=True)
class Subject:
    """Whose key of which kind is to be replaced: a node's, or an organisation's. `published` is the node's identity as members
    know it. `mark` is in force, proven at a height. `before` is the revision before the file at hand, None where it was not kept.
    """

    key: Key
    name: str
    working: Consortium
    mark: Mark | None
    height: int
    published: Identity | None = None
    before: Consortium | None = None

    @property
    def owners(self) -> Mapping[str, object]:
        """Return those that may have such a key, by name."""
        return self.working.organisations if self.key == "organisation" else self.working.nodes


def rotation(one: Subject) -> list[Finding]:
    """Return whether another key may take a key's place, or did; findings that fail say what comes first."""
    if one.name not in one.owners:
        return [_no("name", f"the file names it as {_kind(one)}", f"{one.name} it does not", f"one of: {', '.join(one.owners)}")]
    force = in_force(one.mark, mark_of(one.working))
    if one.key == "validator":
        return [force, _validator(one)]
    if one.key == "organisation":
        return [force, _organisation(one)]
    if one.published is None:
        hint = f"put identities/{one.name}.yml there as it was published"
        return [force, _no("identity", "members know its keys", "its identity is not here", hint)]
    return [force, _node(one, one.published) if one.key == "node" else _record(one, one.published)]


def is_due(one: Subject) -> bool:
    """Tell whether the file lets go of the very key that the node has published: its host has not made another yet."""
    published = one.published
    if published is None or one.name not in one.working.nodes:
        return False
    if one.key == "node":
        return one.working.nodes[one.name].former_node_id == published.node_id
    return one.key == "record" and published.record_key in _former(one)


def known(one: Subject, told: Mapping[str, str]) -> Finding:
    """Return whether our other nodes know the key that took the old one's place.

    `told` is by which key each that answered knows it: the id of a connected peer, a key for records that counts and has an
    account; "" for neither.
    """
    new = (one.published.node_id if one.key == "node" else one.published.record_key) if one.published else None
    expected = "our other nodes know the new key" + (", which has an account" if one.key == "record" else "")
    if is_due(one) or not new:
        return _no("known", expected, "its host has made none yet", "ansible-playbook playbooks/rotate.yml")
    late = sorted(name for name, key in told.items() if key != new)
    if late:
        return _no("known", expected, f"{', '.join(late)} {'does' if len(late) == 1 else 'do'} not, it is {new}", "run it again")
    if not told:
        asked = "nodeops ledger peers" if one.key == "node" else "nodeops record authors"
        return Finding("rotation.known", Verdict.WARN, expected, "none of ours can be asked", f"another member's: {asked}")
    return _yes("known", expected, f"{', '.join(sorted(told))}: {new}")


def _kind(one: Subject) -> str:
    return "an organisation" if one.key == "organisation" else "a node"


def _former(one: Subject) -> Sequence[str]:
    owner = one.working.nodes[one.name].organisation
    return [entry.record_key for entry in one.working.former if (entry.organisation, entry.name) == (owner, one.name)]


def _node(one: Subject, published: Identity) -> Finding:
    expected, said = "the file lets its key for peers go", one.working.nodes[one.name].former_node_id
    if said is None:
        hint = f'under {one.name}: former_node_id: "{published.node_id}"; {_PROPOSE}'
        return _no("let_go", expected, f"revision {one.working.revision} lets none go", hint)
    if said == published.node_id:
        return _yes("let_go", expected, f"{said}, which it has")
    return _yes("let_go", expected, f"{said}; members know it by {published.node_id} now")


def _record(one: Subject, published: Identity) -> Finding:
    expected, said = "the file lets its key for records go", _former(one)
    if not said:
        owner = one.working.nodes[one.name].organisation
        entry = f'{{organisation: {owner}, name: {one.name}, record_key: "{published.record_key}", until: HEIGHT}}'
        hint = f"under former: - {entry}, HEIGHT a little above that of the deciding vote, today {one.height}; {_PROPOSE}"
        return _no("let_go", expected, f"revision {one.working.revision} lets none go", hint)
    if is_due(one):
        return _yes("let_go", expected, f"{published.record_key}, which it has")
    return _yes("let_go", expected, f"{', '.join(said)}; members know {published.record_key or 'none'} now")


def _validator(one: Subject) -> Finding:
    """CometBFT knows a validator by its key alone."""
    owner, power = one.working.nodes[one.name].organisation, one.working.nodes[one.name].voting_power or 1
    steps = (
        f"1. a revision with another node of {owner} as witness, on a host of its own: site.yml everywhere",
        "2. ansible-playbook playbooks/join.yml --limit NEW; nodeops consortium enlist NEW --key KEY.pem",
        f"3. a revision with NEW as validator of power: {power}, and without {one.name}: propose, approve; site.yml everywhere",
        f"4. ansible-playbook playbooks/leave.yml --limit {one.name} -e leave_keys=archived",
    )
    actual = f"it cannot: a new node takes the place of {one.name}"
    return _no("in_place", "a key that a host can replace in place", actual, "\n     ".join(["", *steps, _PAGE]))


def _organisation(one: Subject) -> Finding:
    """No host has it."""
    before = one.before.organisations.get(one.name) if one.before else None
    account = one.working.organisations[one.name].account
    if before and account and before.account != account:
        return _yes("account", "the file names another account", f"{account} votes now, no longer {before.account}")
    steps = (
        "1. openssl genpkey -algorithm ed25519 -out NEW.pem && chmod 600 NEW.pem, where its custodian keeps it",
        f"2. a revision with another account of {one.name}: openssl pkey -in NEW.pem -pubout -outform DER | tail -c 32 | base64",
        "3. nodeops consortium propose --key OLD.pem, the others approve: from then on NEW.pem votes, and OLD.pem no more",
        "4. nodeops consortium propose --key NEW.pem --dry-run of the next revision says whether the chain knows it",
    )
    actual = f"revision {one.working.revision} names the one before: no host has this key, its custodian makes another"
    return _no("account", "the file names another account", actual, "\n     ".join(["", *steps, _PAGE]))


def _yes(what: str, expected: str, actual: str) -> Finding:
    return Finding(f"rotation.{what}", Verdict.PASS, expected, actual)


def _no(what: str, expected: str, actual: str, hint: str) -> Finding:
    return Finding(f"rotation.{what}", Verdict.FAIL, expected, actual, hint)
