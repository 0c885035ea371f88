"""Which revision of consortium.yml is in force: the text that the chain keeps of it, and of one that is proposed. Pure.

The text stands in the metadata of the policy. The proposal that carries a revision writes it there, by its last message: so it is
state of the chain that a proof covers, only m of n can write it, and writing it ends every other proposal that waits for votes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nodeops.core.digest import digest
from nodeops.document.models import Consortium
from nodeops.document.resolve import consortium_digest

_SHORT = 8
# No JSON: x/group wants title and summary of a proposal inside such a text.
_TEXT = re.compile(r"revision ([1-9][0-9]{0,8}) digest ([0-9a-f]{64})((?: [a-z_]{1,20}:[0-9a-f]{8}){0,20})", re.ASCII)


@dataclass(frozen=True)
class Mark:
    """A revision by its number and the digest of its content; `parts` are short digests of what stands at the top of the file."""

    revision: int
    digest: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return it as the chain keeps it."""
        parts = "".join(f" {key}:{value}" for key, value in sorted(self.parts.items()))
        return f"revision {self.revision} digest {self.digest}{parts}"

    def names(self, other: "Mark | None") -> bool:
        """Tell whether both are of the same revision and content."""
        return other is not None and (self.revision, self.digest) == (other.revision, other.digest)

    def __str__(self) -> str:
        """Return it for people."""
        return f"revision {self.revision}, digest {self.digest}"


def mark_of(consortium: Consortium) -> Mark:
    """Return what names a consortium file."""
    return Mark(consortium.revision, consortium_digest(consortium))


def with_parts(consortium: Consortium) -> Mark:
    """Return what names a consortium file, and each part of it, so that a difference can be named."""
    tree = consortium.model_dump(mode="json")
    parts = {key: digest(value)[:_SHORT] for key, value in tree.items() if key != "revision"}
    return Mark(consortium.revision, digest(tree), parts)


def read_mark(text: str) -> Mark | None:
    """Return what a text of the chain says, None when it is no such text."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    mark = Mark(int(found[1]), found[2], dict(part.split(":") for part in found[3].split()))
    return mark if mark.text() == text else None


def differing_parts(ours: Consortium, theirs: Mark) -> Iterator[str]:
    """Yield the keys at the top of the file whose content is another than the one that was proposed, as far as it is told."""
    own = with_parts(ours).parts
    for key in sorted({*own, *theirs.parts}):
        if theirs.parts and own.get(key) != theirs.parts.get(key):
            yield key
