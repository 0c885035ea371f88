"""Whether a genesis that came from somebody else may be written to our hosts. Pure.

Every proof of `nodeops record verify` rests on the validators that it names. So what we would not have made ourselves is
refused, unless our own hosts hold that genesis already, or its digest stands in group_vars/all.yml: somebody compared it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from nodeops.core.digest import sha256
from nodeops.core.errors import Refused
from nodeops.core.finding import Finding, Verdict
from nodeops.core.printable import printable
from nodeops.document.fields import OLDEST_YEAR
from nodeops.document.inventory import AGREED_GENESIS, GENESIS_FILE
from nodeops.document.models import Consortium
from nodeops.ledger.authors import authors_of
from nodeops.ledger.cosmos.address import account_address
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.founding.gather_models import Situation
from nodeops.ledger.founding.genesis import consensus_params, founding_mark, founding_state, has_group
from nodeops.ledger.founding.genesis_models import Genesis
from nodeops.ledger.identity.identity import Identity

_OLDEST = datetime(OLDEST_YEAR, 1, 1, tzinfo=UTC)
# Room for a controller's clock. A genesis from the future keeps every node waiting until then.
_AHEAD = timedelta(days=1)
DIGEST = "genesis-digest"
_SAME = "the same on the controller of every member: compare it by telephone"
_SHOWN = 10


def agreement(at: Situation, genesis: Genesis, text: str, known: Mapping[str, Identity]) -> list[Finding]:
    """Return the digest of a genesis to compare, and what is unusual in it. `at.genesis_time` is the time now, `known` are the
    identities of members.

    Raise Refused for one that is not the agreed one, and for an unusual one that nobody agreed to and no host of ours runs on.
    """
    digest, where = sha256(text.encode()), f"{at.folder.where}/{GENESIS_FILE}"
    if at.agreed and at.agreed != digest:
        text = f"is not the genesis that was agreed on: its SHA-256 is {digest}, {AGREED_GENESIS} is {at.agreed}"
        raise Refused(text, where=where, hint=f"get {GENESIS_FILE} again from another member")
    unusual = [*surprises(genesis, at.consortium, at.genesis_time, known), *_left_out(at, genesis)]
    shown = Finding(DIGEST, Verdict.PASS, _SAME, f"{GENESIS_FILE} has SHA-256 {digest}")
    if not unusual:
        return [shown]
    what = "is not what would have been made here:\n  " + "\n  ".join(unusual[:_SHOWN])
    hint = (
        f"run without --limit when nodes of yours run on it already: they are asked. Else compare SHA-256 {digest} with other "
        f"organisations by telephone; when all have it and these lines are meant, "
        f'write {AGREED_GENESIS}: "{digest}" into group_vars/all.yml'
    )
    held = any(answer.get("genesis_digest") for answer in at.answers.values())
    # A dry run that asked nobody cannot know whether our hosts hold it.
    asked = at.writes or bool(at.answers)
    if asked and not held and not at.agreed:
        raise Refused(what, where=where, hint=hint)
    actual = f"{GENESIS_FILE} {what}"
    return [
        shown,
        Finding("genesis-unusual", Verdict.WARN, "what would have been made here", actual, "" if at.agreed or held else hint),
    ]


def surprises(genesis: Genesis, consortium: Consortium, now: str, known: Mapping[str, Identity]) -> Iterator[str]:
    """Yield what in a genesis differs from one made here now, besides who joined since: one line each."""
    yield from _powers(genesis, consortium)
    yield from _differences("consensus_params", consensus_params(consortium), genesis.consensus_params)
    yield from _differences("initial_height", "1", genesis.initial_height)
    yield from _differences("app_hash", "", genesis.app_hash)
    record_keys = _founding_record_keys(genesis, consortium, known)
    mark = _founded_by(genesis, consortium)
    state = founding_state(consortium, genesis.validators, genesis.genesis_time, mark, record_keys)
    yield from _differences("app_state", state, genesis.app_state)
    if consortium.ledger.genesis_time:
        yield from _differences("genesis_time", consortium.ledger.genesis_time, genesis.genesis_time)
    if not _sane(genesis.genesis_time, datetime.fromisoformat(now)):
        yield f"genesis_time is {genesis.genesis_time}: a time between {_OLDEST.date()} and now is usual"


def _founding_record_keys(genesis: Genesis, consortium: Consortium, known: Mapping[str, Identity]) -> list[str]:
    """Return the keys for records of all authors whose account the genesis has: others came later."""
    held = _addresses(genesis.app_state)
    return [one.key for one in authors_of(consortium, known).authors if account_address(one.key) in held]


def _addresses(state: Any) -> set[str]:
    """Return the addresses of all accounts in a state that may be anything."""
    auth = state.get("auth") if isinstance(state, Mapping) else None
    accounts = auth.get("accounts") if isinstance(auth, Mapping) else None
    return {str(row.get("address")) for row in accounts if isinstance(row, Mapping)} if isinstance(accounts, list) else set()


def _founded_by(genesis: Genesis, consortium: Consortium) -> Mark:
    """Return the revision that a genesis says it was made from, while ours is a later one; the first must be ours."""
    own, found = mark_of(consortium), founding_mark(genesis)
    return found if found and found.revision < own.revision else own


def _left_out(at: Situation, genesis: Genesis) -> Iterator[str]:
    """Yield who published an identity before the chain was founded and is not in its genesis: a validator, a key for records."""
    founders, held = {founder.name for founder in genesis.validators}, _addresses(genesis.app_state)
    for name, identity in sorted(at.folder.published.items()):
        node = at.consortium.nodes.get(name)
        if node is None or identity.revision > 1:
            continue
        if node.voting_power and name not in founders:
            yield f"{name} is a validator that published its identity at revision 1, and has no say in it"
        # Who has another key today had an account for the first one.
        before = {one.record_key for one in at.consortium.former if (one.organisation, one.name) == (node.organisation, name)}
        keys = {identity.record_key, *before} - {None}
        if has_group(at.consortium) and keys and not any(account_address(key) in held for key in keys if key):
            yield f"{name} published a key for records at revision 1, and has no account in it"


def _powers(genesis: Genesis, consortium: Consortium) -> Iterator[str]:
    """Yield who has a say in the genesis and none, or another, in consortium.yml; and who could sign every block alone."""
    held: Counter[str] = Counter()
    for founder in genesis.validators:
        node = consortium.nodes.get(founder.name)
        if node is None:
            yield f"{printable(founder.name, 60)!r} has power {founder.power} and is no member in consortium.yml"
        elif not node.voting_power:
            yield f"{founder.name} has power {founder.power} and is a witness in consortium.yml"
        held[node.organisation if node else ""] += int(founder.power)
    now: Counter[str] = Counter()
    for node in consortium.nodes.values():
        now[node.organisation] += node.voting_power
    for organisation in sorted(set(held) - {""}):
        if _alone(organisation, held) and not _alone(organisation, now):
            share = f"{held[organisation]} of {held.total()}"
            yield f"{organisation} alone has power {share}: its nodes would prove every block without the others"


def _alone(organisation: str, held: Counter[str]) -> bool:
    return 3 * held[organisation] > 2 * held.total()


def _differences(place: str, ours: Any, theirs: Any) -> Iterator[str]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted({*ours, *theirs}):
            yield from _differences(f"{place}.{printable(key, 60)}", ours.get(key), theirs.get(key))
    elif type(ours) is not type(theirs) or ours != theirs:
        yield f"{place} is {printable(theirs, 60)!r}, {printable(repr(ours), 60)} is usual"


def _sane(text: str, now: datetime) -> bool:
    try:
        return _OLDEST <= datetime.fromisoformat(text) <= now + _AHEAD
    except ValueError:
        return False
