"""What was seen, judged and said, and as metrics."""

import json

import pytest

from nodeops.core.errors import HostError
from nodeops.lifecycle.patch import memory, metrics
from nodeops.lifecycle.patch.policy import Seen, Update
from nodeops.lifecycle.patch.view import DAY, LISTS_SECONDS, OVERDUE_SECONDS, findings, word
from tests.unit.quorum.test_leave import DOCUMENT

NOW = 1_800_000_000.0
FINE = {
    "pending": {"security": 0, "other": 3},
    "oldest_security_at": None,
    "lists_at": NOW,
    "left": {},
    "stale": {},
    "reboot": [],
}
FINE["unfinished"] = []
PENDING = {**FINE, "pending": {"security": 2, "other": 0}}

VERDICTS = {
    "fine": (FINE, {}),
    "young": ({**PENDING, "oldest_security_at": NOW - OVERDUE_SECONDS}, {"patch.security": "warn"}),
    "overdue": ({**PENDING, "oldest_security_at": NOW - OVERDUE_SECONDS - 1}, {"patch.security": "fail"}),
    "lists as old as they may be": ({**FINE, "lists_at": NOW - LISTS_SECONDS}, {}),
    "lists that are older": ({**FINE, "lists_at": NOW - LISTS_SECONDS - 1}, {"patch.lists": "fail"}),
    "no lists": ({**FINE, "lists_at": None}, {"patch.lists": "fail"}),
    "held": ({**FINE, "left": {"a": "held: apt-mark unhold a"}}, {"patch.left": "warn"}),
    "restart due": ({**FINE, "stale": {"cron.service": ["/usr/x"]}}, {"patch.services": "warn"}),
    "reboot due": ({**FINE, "reboot": ["kernel 2"]}, {"patch.reboot": "warn"}),
    "unfinished": ({**FINE, "unfinished": ["a"]}, {"patch.dpkg": "warn"}),
}


@pytest.mark.parametrize(("said", "wanted"), VERDICTS.values(), ids=VERDICTS)
def test_what_was_seen_is_judged(said, wanted):
    found = {one.id: str(one.verdict) for one in findings(said, NOW)}
    assert {name: verdict for name, verdict in found.items() if verdict != "pass"} == wanted


WORDS = [
    (None, "not looked at"),
    (FINE, "up to date"),
    ({**PENDING, "oldest_security_at": NOW - 3 * DAY}, "2 of security, 3 d"),
    ({**FINE, "stale": {"a": []}, "reboot": ["x"]}, "restart due; reboot due"),
]


@pytest.mark.parametrize(("said", "text"), WORDS)
def test_a_word_for_the_status(said, text):
    assert word(said, NOW) == text


@pytest.fixture
def document(tmp_path):
    paths = {**DOCUMENT.paths, "patch_state": str(tmp_path / "state"), "patch_status": str(tmp_path / "run/status.json")}
    return DOCUMENT.model_copy(update={"paths": paths})


SEEN = Seen(
    updates=[Update("a", "1", "2", True), Update("b", "1", "2", False, "held")],
    stale={"cron.service": ["/usr/x"], "dbus.service": ["/usr/x"]},
)


def test_what_is_recorded_is_what_is_exported(document, monkeypatch):
    monkeypatch.setattr(memory, "lists_time", lambda: NOW)
    said = memory.record(document, SEEN)
    values = {(one.name, *one.labels.values()): one.value for one in metrics.look(document)}
    assert values == {
        ("patch_pending_packages", "security"): 1,
        ("patch_pending_packages", "other"): 1,
        ("patch_oldest_security_timestamp_seconds",): said["oldest_security_at"],
        ("patch_lists_timestamp_seconds",): NOW,
        ("patch_stale_services",): 1,
        ("patch_reboot_required",): 1,
    }
    assert memory.pending_since(document) == {"a": said["oldest_security_at"]}
    assert memory.record(document, SEEN)["oldest_security_at"] == said["oldest_security_at"]


def test_nothing_is_exported_before_anybody_looked_nor_when_nothing_is_pending(document, monkeypatch):
    assert list(metrics.look(document)) == []
    monkeypatch.setattr(memory, "lists_time", lambda: None)
    memory.record(document, Seen())
    assert {one.name for one in metrics.look(document)} == {
        "patch_pending_packages",
        "patch_stale_services",
        "patch_reboot_required",
    }


def test_what_is_damaged_is_named(document, monkeypatch):
    monkeypatch.setattr(memory, "lists_time", lambda: NOW)
    memory.record(document, Seen())
    file = memory.Path(document.paths["patch_status"])
    file.write_text(json.dumps({})[:-1])
    with pytest.raises(HostError, match=r"status\.json"):
        list(metrics.look(document))
