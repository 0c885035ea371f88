"""What gathering starts from, and what it ends with. Plain types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodeops.core.finding import Finding
from nodeops.core.result import Change
from nodeops.document.models import Consortium
from nodeops.ledger.founding.genesis_models import Genesis, PublishedIdentity

IDENTITIES = "identities"


@dataclass(frozen=True)
class Folder:
    """What the inventory folder holds: published identities by node, and the genesis with its exact text."""

    where: str
    published: Mapping[str, PublishedIdentity] = field(default_factory=dict)
    genesis: Genesis | None = None
    text: str | None = None


@dataclass(frozen=True)
class Situation:
    """All that is known before deciding.

    `observed` is what hosts answered to `nodeops ledger identity --json`, by node name; only managed nodes are believed.
    `genesis_time` is RFC 3339 in UTC: the time now. `found` says that the chain was never started, although the
    revision is above 1. `agreed` is the SHA-256 of the genesis that members compared, None when nobody said so. `writes` is
    False in a dry run.
    """

    consortium: Consortium
    folder: Folder
    observed: Mapping[str, Mapping[str, Any]]
    managed: tuple[str, ...]
    genesis_time: str
    found: bool = False
    agreed: str | None = None
    writes: bool = True

    @property
    def answers(self) -> dict[str, Mapping[str, Any]]:
        """Return the answers of managed nodes."""
        return {name: self.observed[name] for name in self.managed if self.observed.get(name)}


@dataclass(frozen=True)
class Gathered:
    """What is known of all members, and what has to be written to the inventory folder.

    `peers` are node ids by node name. `missing` says what is missing and who must publish it; while it is not empty the
    network is not complete. `genesis_text` is what hosts get, byte for byte; `authors_text` too, "" where the ledger has none.
    `replaced` are keys for records (base64) by node of ours that must make another: theirs stands in `former`. `replaced_ids` are
    node ids by node of ours that must make another key for peers: theirs stands as `former_node_id`. `renewed` are the node ids
    of all nodes of ours that have a `former_node_id`: a process with the old key is started anew.
    `files` are contents by path in the folder.
    """

    changes: list[Change]
    peers: dict[str, str]
    genesis: dict[str, Any] | None
    genesis_text: str | None
    missing: list[str]
    findings: list[Finding]
    files: dict[str, str]
    authors_text: str = ""
    replaced: dict[str, str] = field(default_factory=dict)
    replaced_ids: dict[str, str] = field(default_factory=dict)
    renewed: dict[str, str] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, str]:
        """Return by what members know each node already: its published node id, else the address of its key in the genesis."""
        founders = self.genesis["validators"] if self.genesis else []
        return {**{one["name"]: one["address"] for one in founders}, **self.peers}
