"""When the host of a node that left may be retired, and by what it is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from nodeops.consortium.drift.compare import Row
from nodeops.consortium.drift.departed import Proven, departed, still_known
from nodeops.consortium.kept import kept_file, left
from nodeops.core.finding import Verdict
from nodeops.ledger.cosmos.revision import mark_of
from tests.unit.consortium.samples import changed, drop, first, tree

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NEW = changed(drop("beta-1"))
SEEN = Proven(mark_of(NEW), 100, NOW, 3, 3, {"a", "b"})
CASES = {
    "it left": (NEW, {"beta-1": "its key"}, SEEN, []),
    "the file names it": (first(), {"beta-1": "its key"}, replace(SEEN, mark=mark_of(first())), ["departed.file"]),
    "a file that is not in force": (NEW, {"beta-1": "its key"}, replace(SEEN, mark=mark_of(first())), ["consortium.in_force"]),
    "the chain has its key": (NEW, {"beta-1": "a"}, SEEN, ["departed.power"]),
    "nobody knows its key": (NEW, {}, SEEN, ["departed.power"]),
    "it has another name now": (NEW, {"beta-1": "its key", "alpha-1": "its key"}, SEEN, ["departed.name"]),
    "who left before had its key too": (NEW, {"beta-1": "its key", "beta-0": "its key"}, SEEN, []),
    "the chain stands": (NEW, {"beta-1": "its key"}, replace(SEEN, time=NOW - timedelta(minutes=5)), ["departed.quorum"]),
}


@pytest.mark.parametrize(("file", "keys", "seen", "refused"), CASES.values(), ids=CASES)
def test_what_is_refused(file, keys, seen, refused):
    found = departed("beta-1", keys, file, seen, NOW)
    assert [one.id for one in found if one.verdict is Verdict.FAIL] == refused


ROWS = {
    "all are": ([Row("alpha-1", "document", "", "", Verdict.PASS)], "pass"),
    "one is not": ([Row("alpha-1", "document", "", "an older one")], "fail"),
    "a monitor asks it": ([Row("m", "targets", "", "asks it")], "fail"),
    "one that could not be asked": ([Row("alpha-1", "node", "it answers", "no answer")], "fail"),
    "another trouble": ([Row("alpha-1", "firewall", "", "drift"), Row("beta-2", "peers", "", "one is down")], "pass"),
}


@pytest.mark.parametrize(("rows", "verdict"), ROWS.values(), ids=ROWS)
def test_hosts_must_be_made_without_it_first(rows, verdict):
    assert still_known("beta-1", rows).verdict == verdict


def test_who_left_lately_is_known_by_the_newest_revision_that_names_it(tmp_path):

    kept_file(tmp_path, 1).parent.mkdir()
    for revision in (1, 2):
        content = {**tree(), "revision": revision}
        content["nodes"]["beta-1"]["address"] = f"192.0.2.10{revision}"
        kept_file(tmp_path, revision).write_text(yaml.safe_dump(content))
    kept_file(tmp_path, 3).write_text("no revision")
    found = left(tmp_path, changed(drop("beta-1"), since={**tree(), "revision": 3}))
    assert {name: (str(node.address), file.revision) for name, (node, file) in found.items()} == {"beta-1": ("192.0.2.102", 2)}
    assert left(tmp_path, first()) == {}
