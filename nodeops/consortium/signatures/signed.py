"""A revision agreed to without a chain: the same m of n, by signatures of the organisations' admins over one text. Pure.

Whose keys count is said by the revision before: a key that it took out signs nothing any more. The text names that revision, so a
signature is of one step and serves for no other.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nodeops.document.models import Consortium
from nodeops.ledger.cosmos.revision import Mark, mark_of
from nodeops.ledger.founding.genesis import threshold

NAMESPACE = "nodeops-consortium"


@dataclass(frozen=True)
class Signed:
    """Which organisations signed the step from `after` (None: the founding revision), how many must, which files do not count."""

    after: Mark | None
    organisations: frozenset[str]
    needed: int
    refused: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        """Tell whether m of n have signed."""
        return len(self.organisations) >= self.needed

    def __str__(self) -> str:
        """Return it for people."""
        names = ", ".join(sorted(self.organisations)) or "nobody"
        return f"signed by {names}; {self.needed} organisations must sign"


def statement(old: Consortium | None, new: Consortium) -> bytes:
    """Return what an admin signs to agree to a revision after another; None: to the founding one."""
    after = f"after {mark_of(old)}" if old else "the founding revision"
    return f"{NAMESPACE}\nconsortium {new.consortium}\nchain {new.ledger.chain}\n{mark_of(new)}\n{after}\n".encode()


def allowed_signers(old: Consortium | None, new: Consortium) -> str:
    """Return whose keys count, for ssh-keygen: the admins of the revision before, each in its organisation's name."""
    return "".join(
        f'{name} namespaces="{NAMESPACE}" {" ".join(key.split()[:2])}\n'
        for name, organisation in sorted((old or new).organisations.items())
        for key in organisation.admins
    )


def _counted_once(keys: Collection[frozenset[str]]) -> frozenset[str]:
    """Return the organisations that signed. A key that several of them name speaks for one: it is one person's word."""
    found: set[str] = set()
    for names in sorted(keys, key=lambda names: (len(names), sorted(names))):
        found |= set(sorted(names - found)[:1])
    return frozenset(found)


def counted(old: Consortium | None, new: Consortium, found: Mapping[str, Collection[str]]) -> Signed:
    """Return what signatures come to. `found`: for each file, the organisations in whose name its signature holds."""
    every = _counted_once({frozenset(names) for names in found.values() if names})
    refused = tuple(
        f"{file}: is no signature of this step by an admin of the revision before" for file in found if not found[file]
    )
    return Signed(mark_of(old) if old else None, every, threshold(old or new), tuple(sorted(refused)))
