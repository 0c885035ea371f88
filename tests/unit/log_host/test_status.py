"""What a log host says of its nodes."""

import time

import pytest

from nodeops.core.errors import HostError
from nodeops.core.finding import Verdict
from nodeops.log_host import status
from nodeops.log_host.status import Sender, Status, findings
from nodeops.log_host.store import Bounds, Store

NOW = 1_795_953_600.0


def sender(**changes):
    return Sender(**{"last": NOW, "today_bytes": 10, "kept_bytes": 99, "left_out": 0, "left_out_ever": 0, **changes})


def told(senders=(), missing=()):
    return Status(tree="", senders=dict(senders), missing=list(missing), day_bytes=4096)


CASES = {
    "speaks": (sender(last=NOW - 3600), Verdict.PASS, "10 B today, 99 B kept"),
    "left out": (sender(left_out=7), Verdict.FAIL, "7 lines left out today"),
    "left out once": (sender(left_out_ever=7), Verdict.PASS, "10 B today, 99 B kept"),
    "silent": (sender(last=NOW - 3601), Verdict.FAIL, "nothing came for an hour"),
    "last heard in the future": (sender(last=NOW + 86400), Verdict.FAIL, "nothing came for an hour"),
    "never": (sender(last=0.0), Verdict.FAIL, "nothing ever came"),
}


@pytest.mark.parametrize(("seen", "verdict", "said"), CASES.values(), ids=CASES)
def test_a_node_is_judged_by_what_came(seen, verdict, said):
    (found,) = findings(told({"a-1": seen}), NOW)
    assert (found.id, found.verdict) == ("log-host.a-1", verdict)
    assert said in found.actual


def test_a_node_without_a_certificate_is_named():
    (found,) = findings(told(missing=["a-2"]), NOW)
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
    assert (found.tree, found.day_bytes) == (status.tree(), 4096)
    assert found.senders["a-1"].kept_bytes > 20
    assert time.time() - found.senders["a-1"].last < 60
    assert found.senders["a-2"].last == 0.0


def test_how_a_log_host_does_is_said_in_some_words():
    assert status.word(told({"a-1": sender(), "a-2": sender()}), NOW) == "all of 2 nodes"
    assert status.word(told({"a-1": sender(), "a-2": sender(last=0.0)}, missing=["a-3"]), NOW) == "1 of 3 nodes"
