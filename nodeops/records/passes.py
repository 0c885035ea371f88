"""What this host saw of blocks that could have held a record of one of its authors, kept from one run to the next."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError

from nodeops.core.digest import canonical
from nodeops.host.files import write_atomic
from nodeops.records.left_out import NEWEST, Passes, noted

_FILE = "left_out.json"
_MOST_BYTES = 4 << 20


class _Kept(BaseModel):
    genesis: str
    authors: dict[str, dict[str, Annotated[str, StringConstraints(pattern=f"^[01]{{1,{NEWEST}}}$")]]]


class PassesFile:
    """What is known of each author who writes on this host, kept for one genesis; a damaged file is begun anew."""

    def __init__(self, folder: Path, genesis: str) -> None:
        self.file, self.genesis = folder / _FILE, genesis

    def of(self, address: str) -> Passes:
        """Return what is known of an author."""
        return self._read().get(address, {})

    def note(self, address: str, proposer: str, held: bool) -> None:
        """Keep who proposed a block that could have held a record, and whether it did. Raise HostError when the disk is full."""
        authors = self._read()
        authors[address] = noted(authors.get(address, {}), proposer, held)
        write_atomic(self.file, canonical({"genesis": self.genesis, "authors": authors}), 0o600)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            with self.file.open("rb") as opened:
                kept = _Kept.model_validate_json(opened.read(_MOST_BYTES))
        except (OSError, ValidationError):
            return {}
        return kept.authors if kept.genesis == self.genesis else {}
