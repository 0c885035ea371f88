"""The score of the last whole audit, as metrics; from the copy that `nodeops-look` makes, because reports are for root."""

import json
from collections.abc import Iterator
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.document.models import HostDocument
from nodeops.metrics.collector import Collector, Sample

SCORE = "hardening.json"


def look(document: HostDocument) -> Iterator[Sample]:
    """Yield score and time of the last audit; nothing before the first. Raise HostError when the copy is damaged."""
    path = Path(document.paths["exporter_look"]) / SCORE
    try:
        said = json.loads(path.read_bytes())
        score, when, lost = float(said["score"]), float(said["at"]), said.get("lost")
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(f"the score of the last audit cannot be read: {error}", where=str(path)) from error
    yield Sample("hardening_score_ratio", score / 100)
    # An audit by an older agent does not say.
    if isinstance(lost, int):
        yield Sample("hardening_lost_controls", lost)
    yield Sample("hardening_audit_timestamp_seconds", when)


COLLECTOR = Collector("hardening", look, interval_seconds=60, deadline_seconds=5)
