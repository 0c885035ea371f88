"""Small trees that really start, packed as the controller packs real ones, and a host's folders to put them in."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from nodeops.agent import install
from nodeops.agent.build import pack

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Packed:
    """An archive of a small tree."""

    path: Path
    sha256: str
    digest: str


@dataclass(frozen=True)
class Host:
    """Where a test installs, with the install of one archive."""

    root: Path
    command: Path

    def install(self, packed: Packed, digest: str | None = None) -> dict[str, object]:
        name = packed.digest if digest is None else digest
        return install.install(packed.path, packed.sha256, self.root, self.command, name)

    @property
    def links(self) -> tuple[str, str]:
        return install.link_target(self.root / "current"), install.link_target(self.root / "previous")

    @property
    def names(self) -> set[str]:
        """Return everything below the root, hidden leftovers too."""
        return {path.name for path in self.root.iterdir()}


def archived(tree: Path, path: Path) -> Packed:
    data = pack(tree)
    path.write_bytes(data)
    return Packed(path, hashlib.sha256(data).hexdigest(), install.tree_digest(tree)[: install.NAME_DIGITS])
