"""What is pending on a host, judged and said in words. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Table
from nodeops.lifecycle.patch.policy import No, Update, spoken

DAY = 86400.0
# A known hole is used within days; two windows of a week must have been missed. The alert PatchesOverdue says the same.
OVERDUE_SECONDS = 14 * DAY
# Debian's own timer refreshes the lists once a day.
LISTS_SECONDS = 3 * DAY


def findings(said: Mapping[str, Any], now: float) -> Iterator[Finding]:
    """Yield what was seen (`memory.summary`), judged. Only what is overdue, or cannot be known, fails."""
    yield _security(said["pending"]["security"], said["oldest_security_at"], now)
    yield _lists(said["lists_at"], now)
    yield _seen("patch.dpkg", said["unfinished"], "no installation is unfinished", "nodeops patch apply finishes it")
    yield _seen("patch.left", said["left"], "nothing has to be left out", "; ".join(said["left"].values()))
    yield _seen("patch.services", said["stale"], "nothing runs on replaced files", "nodeops patch apply restarts them")
    yield _seen("patch.reboot", said["reboot"], "no reboot is due", "nodeops patch apply --reboot")


def _security(count: int, oldest: float | None, now: float) -> Finding:
    expected = f"no patch of security pending for more than {OVERDUE_SECONDS / DAY:.0f} days"
    if oldest is None:
        return Finding("patch.security", Verdict.PASS, expected, "none is pending")
    age = (now - oldest) / DAY
    verdict = Verdict.FAIL if age * DAY > OVERDUE_SECONDS else Verdict.WARN
    actual = f"{count} pending, the oldest for {age:.0f} days (first seen {spoken(oldest)})"
    return Finding("patch.security", verdict, expected, actual, "nodeops patch plan, then nodeops patch apply")


def _lists(at: float | None, now: float) -> Finding:
    expected = f"lists of packages younger than {LISTS_SECONDS / DAY:.0f} days: older ones do not say what is pending"
    fresh = at is not None and now - at <= LISTS_SECONDS
    actual = "there are none" if at is None else f"refreshed {spoken(at)}"
    return Finding("patch.lists", Verdict.PASS if fresh else Verdict.FAIL, expected, actual, "" if fresh else "apt-get update")


def _seen(name: str, found: Any, expected: str, hint: str) -> Finding:
    if not found:
        return Finding(name, Verdict.PASS, expected, "none")
    return Finding(name, Verdict.WARN, expected, ", ".join(found), hint)


def refusal(no: No) -> Finding:
    """Return a refusal as a finding that fails."""
    return Finding(no.id, Verdict.FAIL, no.expected, no.actual, no.hint)


def table(updates: Sequence[Update], since: Mapping[str, float]) -> list[Table]:
    """Return all pending updates as a table; none when there are none."""
    rows = [
        (one.name, one.installed, one.candidate, "security" if one.security else "other", _since(one, since), one.left)
        for one in sorted(updates, key=lambda one: (not one.security, one.name))
    ]
    return [Table(("package", "installed", "available", "class", "since", "left out because"), rows)] if rows else []


def _since(one: Update, since: Mapping[str, float]) -> str:
    return spoken(since[one.name]) if one.name in since else ""


def word(said: Mapping[str, Any] | None, now: float) -> str:
    """Return the updates in a word or two, for `nodeops status`."""
    if said is None:
        return "not looked at"
    count, oldest = said["pending"]["security"], said["oldest_security_at"]
    words = [f"{count} of security, {(now - oldest) / DAY:.0f} d"] if oldest is not None else []
    words += ["restart due"] if said["stale"] else []
    words += ["reboot due"] if said["reboot"] else []
    return "; ".join(words) or "up to date"
