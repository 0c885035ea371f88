"""What a collector is: a name, how often it looks, how long it may take, and a function that yields samples. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nodeops.document.models import HostDocument

# What is looked at needs a document of this kind: of any host, of a node, or of one that runs no ledger.
Document = TypeVar("Document", bound=HostDocument, contravariant=True)


@dataclass(frozen=True)
class Sample:
    """One value of a metric of the catalogue, by its name without the prefix."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Collector(Generic[Document]):
    """Looks at one part of the host. Whatever it raises is its own failure and nobody else's.

    `interval_seconds` 0: at each scrape, for what the kernel answers at once; else in a thread of its own. A round that takes
    longer than `deadline_seconds` counts as failed until it ends.
    """

    name: str
    look: Callable[[Document], Iterable[Sample]]
    interval_seconds: float
    deadline_seconds: float
