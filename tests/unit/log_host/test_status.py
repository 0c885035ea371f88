"""What a log host says of its nodes."""

import time

import pytest

from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.log_host import status
from nodeops.log_host.status import Sender, Status, findings
from nodeops.log_host.store import Bounds, Store

NOW = 1_795_953_600.0
CASES = {
    "speaks": (Sender(last=NOW - 3600, today_bytes=10, kept_bytes=99, left_out=0), Verdict.PASS, "10 B today, 99 B kept"),
    "left out": (Sender(last=NOW, today_bytes=10, kept_bytes=99, left_out=7), Verdict.FAIL, "7 lines left out today"),
    "silent": (Sender(last=NOW - 90000, today_bytes=0, kept_bytes=99, left_out=0), Verdict.FAIL, "nothing came for a day"),
    "never": (Sender(last=0.0, today_bytes=0, kept_bytes=0, left_out=0), Verdict.FAIL, "nothing ever came"),
}


@pytest.mark.parametrize(("sender", "verdict", "said"), CASES.values(), ids=CASES)
def test_a_node_is_judged_by_what_came(sender, verdict, said):
    (found,) = findings(Status(tree="", senders={"a-1": sender}, missing=[]), NOW)
    assert (found.id, found.verdict) == ("log-host.a-1", verdict)
    assert said in found.actual


def test_a_node_without_a_certificate_is_named():
    (found,) = findings(Status(tree="", senders={}, missing=["a-2"]), NOW)
    assert (found.id, found.verdict, found.actual) == ("log-host.a-2", Verdict.FAIL, "no certificate yet")


def test_what_is_kept_is_seen_after_a_restart_too(tmp_path):
    bounds, file = Bounds(3, 4096, 0), tmp_path / "status.json"
    with pytest.raises(HostError, match="has said nothing"):
        status.read(file)
    for _ in range(2):
        store = Store(tmp_path, bounds, time.time)
        status.write(file, status.seen(store, tmp_path, ["a-1", "a-2"], []))
        store.add("a-1", [b"x"])
    found = status.read(file)
    assert found.tree == status.tree()
    assert found.senders["a-1"].kept_bytes > 20
    assert time.time() - found.senders["a-1"].last < 60
    assert found.senders["a-2"].last == 0.0
