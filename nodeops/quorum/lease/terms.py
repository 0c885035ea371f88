"""What leases are judged by: who belongs, who may write, and how much power may go. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from nodeops.core.digest import digest
from nodeops.document.models import Member
from nodeops.document.profile import Quorum
from nodeops.ledger.authors import Author
from nodeops.ledger.quorum import margin

_NAME_DIGITS = 16


@dataclass(frozen=True)
class Terms:
    """The nodes that belong, their organisations and voting powers, how much power may go, and the keys that may write: each as
    organisation, name, key and the last height at which it counts ("" for one that counts today)."""

    owners: Mapping[str, str]
    powers: Mapping[str, int]
    spare: int
    writers: tuple[tuple[str, str, str, str], ...] = ()

    @property
    def share(self) -> int:
        """Return how much power one organisation may have under leases beside another of its own: half, so that some is left."""
        return self.spare // 2

    @cached_property
    def name(self) -> str:
        """Return what names these terms in entries: two readers with the same judge the same entries alike."""
        said = {"owners": self.owners, "powers": self.powers, "spare": self.spare, "writers": self.writers}
        return digest(said)[:_NAME_DIGITS]


def terms_of(members: Iterable[Member], rule: Quorum, authors: Iterable[Author] = ()) -> Terms:
    """Return the terms among these members, and these authors."""
    found = list(members)
    total = sum(one.power for one in found)
    owners = {one.name: one.organisation for one in found}
    writers = sorted((one.organisation, one.name, one.key, str(one.until or "")) for one in authors)
    spare = max(0, margin(total, total, rule)) if total else 0
    return Terms(owners, {one.name: one.power for one in found}, spare, tuple(writers))
