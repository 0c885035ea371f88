"""What the ledger last took part with: its configuration, unit and program, kept beside so that they can be put back.

Keys and signing state are never part of it. A record is whole or absent: its files stand in a folder of their own, and the
record that names them is written last. When another version takes part, what the version before it took part with is kept, too.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from nodeops.core.errors import HostError
from nodeops.document.models import Model, NodeDocument
from nodeops.host.files import replace_link, sync_folder, write_atomic
from nodeops.host.units import systemd
from nodeops.host.units.service import Observed
from nodeops.host.units.unit_settings import unit_settings
from nodeops.ledger.node.local import file_digest

_RECORD, _COPIES = "worked.json", "worked"
# A folder with its record inside; the second is the first in the making, whole before the first is removed.
_FORMER, _NEXT_FORMER = "former", "former.next"
_UNITS = "/etc/systemd/system"


class KeptFile(Model):
    """One file: where it belongs, what it must be, its owner and rights, and its last change in nanoseconds since 1970."""

    path: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    mode: int
    uid: int
    gid: int
    changed: int


class Worked(Model):
    """What worked: the digest of the configuration, the version that the link names, and the files by the name of their copy."""

    configuration: str
    version: str
    files: dict[str, KeptFile]

    def __str__(self) -> str:
        """Return it in the words of a message."""
        return f"{self.version} with configuration {self.configuration[:12]}"


def read(document: NodeDocument) -> Worked | None:
    """Return what worked last, None when nothing is kept or the record is damaged."""
    try:
        return Worked.model_validate_json((_folder(document) / _RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def former(document: NodeDocument) -> Worked | None:
    """Return what the version before the one that took part last took part with, None when nothing whole is kept."""
    for name in (_FORMER, _NEXT_FORMER):
        folder = _folder(document) / name
        try:
            found = Worked.model_validate_json((folder / _RECORD).read_bytes())
        except (OSError, ValidationError):
            continue
        if _whole(folder, found):
            return found
    return None


def keep(document: NodeDocument, observed: Observed) -> bool:
    """Keep what the running process was started from, unless it is kept already or something was changed since its start.

    To be called when the node takes part in its chain. Return whether it is kept now.
    """
    version, known = _version(document), read(document)
    if not observed.running or observed.stale or version is None:
        return False
    copies = _folder(document) / _COPIES
    if known and (known.configuration, known.version) == (observed.running, version) and _whole(copies, known):
        return True
    files = _sources(document, version)
    started = unit_settings(observed.unit.name).started
    if started is None or not all(path.is_file() and path.stat().st_mtime <= started for path in files.values()):
        return False
    if known and known.version != version:
        _keep_former(document, known, version)
    _write(document, observed.running, version, files)
    return True


def put_back(document: NodeDocument, worked: Worked) -> None:
    """Put what worked where it belongs; the unit is reloaded, not restarted. Raise HostError when a copy is damaged."""
    names = (_COPIES, _FORMER, _NEXT_FORMER)
    copies = next((folder for name in names if _whole(folder := _folder(document) / name, worked)), None)
    if copies is None:
        raise HostError("what worked last is damaged", where=str(_folder(document)), hint="run site.yml again")
    for name, file in worked.files.items():
        _put(copies / name, file)
    replace_link(Path(document.ledger.paths["current"]), worked.version)
    systemd.systemctl("daemon-reload")


def _folder(document: NodeDocument) -> Path:
    return Path(document.paths["state"]) / "ledger"


def _version(document: NodeDocument) -> str | None:
    try:
        return str(Path(document.ledger.paths["current"]).readlink())
    except OSError:
        return None


def _sources(document: NodeDocument, version: str) -> dict[str, Path]:
    paths = document.ledger.paths
    binary = Path(paths["binary"]).name
    # Some platforms have a second file of settings.
    more = {"app_config": Path(paths["app_config"])} if "app_config" in paths else {}
    return {
        **more,
        "config": Path(paths["config"]),
        "genesis": Path(paths["genesis"]),
        "unit": Path(_UNITS) / document.ledger.unit,
        "program": Path(paths["binaries"]) / version / binary,
    }


def _whole(copies: Path, worked: Worked) -> bool:
    return all(file_digest(str(copies / name)) == file.sha256 for name, file in worked.files.items())


def _keep_former(document: NodeDocument, known: Worked, version: str) -> None:
    """Keep what is about to be replaced, unless it was gone back from: what failed is nothing to go back to."""
    before = former(document)
    copies, folder = _folder(document) / _COPIES, _folder(document) / _FORMER
    if (before and before.version == version) or not _whole(copies, known):
        return
    new = _folder(document) / _NEXT_FORMER
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    for name in known.files:
        # No copy is ever written in place, so two names for one file are two copies.
        (new / name).hardlink_to(copies / name)
    write_atomic(new / _RECORD, known.model_dump_json(indent=2).encode(), 0o600)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    sync_folder(_folder(document))


def _write(document: NodeDocument, configuration: str, version: str, files: dict[str, Path]) -> None:
    folder = _folder(document)
    folder.mkdir(mode=0o700, exist_ok=True)
    # Without the record there is nothing to put back, until the new one says that its files are whole.
    (folder / _RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder / _COPIES, ignore_errors=True)
    (folder / _COPIES).mkdir(mode=0o700)
    kept = dict(_kept(folder / _COPIES, files))
    sync_folder(folder / _COPIES)
    record = Worked(configuration=configuration, version=version, files=kept)
    write_atomic(folder / _RECORD, record.model_dump_json(indent=2).encode(), 0o600)


def _kept(copies: Path, files: dict[str, Path]) -> Iterator[tuple[str, KeptFile]]:
    for name, path in files.items():
        facts = path.stat()
        write_atomic(copies / name, path.read_bytes(), 0o600)
        digest = file_digest(str(copies / name)) or ""
        owner = {"mode": facts.st_mode & 0o777, "uid": facts.st_uid, "gid": facts.st_gid}
        yield name, KeptFile(path=str(path), sha256=digest, changed=facts.st_mtime_ns, **owner)


def _put(copy: Path, file: KeptFile) -> None:
    if file_digest(file.path) != file.sha256:
        Path(file.path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(Path(file.path), copy.read_bytes(), file.mode, (file.uid, file.gid))
        # A process that was started from it is not older than it.
        os.utime(file.path, ns=(file.changed, file.changed))
