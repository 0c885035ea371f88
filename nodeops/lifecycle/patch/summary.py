"""Pending updates in a word, for `nodeops status`."""

import time

from nodeops.document.models import HostDocument
from nodeops.lifecycle.patch.memory import last_seen
from nodeops.lifecycle.patch.view import word


def patch_state(document: HostDocument) -> str:
    """Return what was last seen in a word or two. Raise HostError when that is damaged."""
    return word(last_seen(document), time.time())
