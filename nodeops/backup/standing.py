"""How backups of this host stand by what it remembers, without asking the repository: for `nodeops status` and `backup show`."""

from datetime import UTC, datetime, timedelta

from nodeops.backup.credential import settings_file
from nodeops.backup.drilled import last_drill
from nodeops.backup.policy import MOST_HOURS, judge_last
from nodeops.backup.state import read_state
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument


def standing(document: NodeDocument) -> tuple[str, Finding]:
    """Return it in a word or two, and judged. Raise HostError for a memory that is damaged."""
    remembered, configured = read_state(document), settings_file(document).exists()
    found = judge_last(remembered.last, remembered.error, configured, datetime.now(UTC), timedelta(hours=MOST_HOURS))
    if not configured:
        return "none", found
    if found.verdict is not Verdict.PASS:
        return "failed" if remembered.error else "late", found
    drill = last_drill(document)
    return "fine" if drill is None else "drilled" if drill["passed"] else "drill failed", found
