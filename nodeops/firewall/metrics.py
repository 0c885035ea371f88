"""Whether the kernel holds our rules, as metrics; from what `nodeops-look` read there, because asking nft needs rights.

All rules are listed, not our table alone: without it nft would fail as it does for any other reason.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument
from nodeops.firewall.ruleset import FAMILY, TABLE
from nodeops.metrics.collector import Collector, Sample

RULES = "firewall.json"
# The look is made twice a minute.
STALE_SECONDS = 100.0
_REFUSED = "refused"


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield what is loaded. Raise HostError when nobody looked lately or the answer is not one of nft's."""
    path = Path(document.paths["exporter_look"]) / RULES
    try:
        age, rows = time.time() - path.stat().st_mtime, json.loads(path.read_bytes())["nftables"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HostError(f"what was read from the kernel cannot be read: {error}", where=str(path)) from error
    if abs(age) > STALE_SECONDS:
        raise HostError(f"nobody looked for {age:.0f} s", where=str(path), hint="systemctl status nodeops-look.timer")
    yield from samples(rows)


def samples(rows: Iterable[dict[str, Any]]) -> Iterator[Sample]:
    """Yield what a listing of all rules (nft --json list ruleset) says of our table."""
    ours = [body for row in rows for body in row.values() if isinstance(body, dict) and _ours(body)]
    yield Sample("firewall_loaded", float(any(_drops(body) for body in ours)))
    refused: Counter[str] = Counter()
    for body in ours:
        if body.get("comment") == _REFUSED and "expr" in body:
            refused[body["chain"]] += sum(step["counter"]["packets"] for step in body["expr"] if _counts(step))
    for chain, packets in sorted(refused.items()):
        yield Sample("firewall_refused_packets_total", packets, {"chain": chain})


def _ours(body: dict[str, Any]) -> bool:
    return (body.get("family"), body.get("table")) == (FAMILY, TABLE)


def _drops(body: dict[str, Any]) -> bool:
    return (body.get("hook"), body.get("policy")) == ("input", "drop")


def _counts(step: Any) -> bool:
    return isinstance(step, dict) and isinstance(step.get("counter"), dict)


COLLECTOR = Collector("firewall", look, interval_seconds=10, deadline_seconds=5)
