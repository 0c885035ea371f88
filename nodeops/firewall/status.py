"""The firewall in a word, for `nodeops status` and the table of the fleet."""

from nodeops.document.models import NodeDocument
from nodeops.firewall.drift_rules import state
from nodeops.firewall.observe import observe


def firewall_state(document: NodeDocument) -> str:
    """Return "on", "on trial", "drift" or "off". Raise as `observe` does."""
    return state(observe(document))
