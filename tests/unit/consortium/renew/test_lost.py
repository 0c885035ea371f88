"""When a validator may be brought back on a fresh host, and by what it is refused before that host is touched."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nodeops.consortium.drift.compare import Row
from nodeops.consortium.renew.lost import Proven, lost
from nodeops.core.finding import Verdict
from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.revision import mark_of
from nodeops.ledger.identity.identity import Identity
from tests.unit.consortium.samples import NODES, changed, drop, first, retire
from tests.unit.ledger.made_keys import identity_of, pair

IDENTITIES = {name: identity_of(name, name.partition("-")[0]) for name in NODES}
LOST = IDENTITIES["beta-1"]
KEYS = {pair(name)[1] for name, power in NODES.items() if power}
OTHERS = frozenset(one.validator_address for name, one in IDENTITIES.items() if NODES[name] and one != LOST)
FILE = first()
SEEN = Proven(mark_of(FILE), KEYS, KEYS, OTHERS)
SIGNS = replace(SEEN, signers=OTHERS | {LOST.validator_address})
OLD = Row("alpha-1", "document", "", "revision 1")
WITNESS, GONE = changed(retire("beta-1")), changed(drop("beta-1"))
CASES = {
    "it is lost": (FILE, LOST, SEEN, [], []),
    "another of ours is down as well": (FILE, LOST, SEEN, [Row("alpha-1", "node", "it answers", "no answer")], []),
    "its own fresh host is made of nothing": (FILE, LOST, SEEN, [Row("beta-1", "document", "", "none")], []),
    "drift that is none of its own": (FILE, LOST, SEEN, [Row("alpha-1", "firewall", "", "off")], []),
    "our others do not know where it is now": (FILE, LOST, SEEN, [OLD], ["lost.hosts"]),
    "it signs": (FILE, LOST, SIGNS, [], ["lost.silent"]),
    "it signs by a restore that was interrupted": (FILE, LOST, replace(SIGNS, restoring=True), [], []),
    "a file that is not in force": (FILE, LOST, replace(SEEN, mark=mark_of(GONE)), [], ["consortium.in_force"]),
    "a witness": (WITNESS, LOST, replace(SEEN, mark=mark_of(WITNESS)), [], ["lost.file"]),
    "the file is without it": (GONE, LOST, replace(SEEN, mark=mark_of(GONE)), [], ["lost.file"]),
    "it published nothing": (FILE, None, SEEN, [], ["lost.identity"]),
    "its key has no power": (FILE, LOST, replace(SEEN, voting=KEYS - {LOST.validator_key.value}), [], ["lost.power"]),
    "it joined later": (FILE, LOST, replace(SEEN, founders=KEYS - {LOST.validator_key.value}), [], ["lost.founder"]),
}


@pytest.mark.parametrize(("file", "published", "seen", "rows", "refused"), CASES.values(), ids=CASES)
def test_what_is_refused(
    file: Consortium, published: Identity | None, seen: Proven, rows: Sequence[Row], refused: list[str]
) -> None:
    found = lost("beta-1", file, published, seen, rows)
    assert [one.id for one in found if one.verdict is Verdict.FAIL] == refused
    assert all(one.hint for one in found if one.verdict is not Verdict.PASS)
