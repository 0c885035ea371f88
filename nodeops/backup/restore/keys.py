"""Keys as a custodian streams them: a tar of the key folder on standard input, in memory only until it is in quarantine."""

import io
import tarfile
from pathlib import PurePosixPath
from typing import BinaryIO

from nodeops.core.errors import InputError
from nodeops.ledger.identity.identity import MAX_FILE_BYTES

_MAX_ARCHIVE_BYTES = 1 << 20


def read_keys(stream: BinaryIO) -> dict[str, bytes]:
    """Return the files of an archive of keys by name. Raise InputError for anything else; no message holds what was read."""
    data = stream.read(_MAX_ARCHIVE_BYTES + 1)
    hint = "age --decrypt -i KEY ARCHIVE | ssh NODE sudo nodeops backup receive-keys"
    if len(data) > _MAX_ARCHIVE_BYTES:
        raise InputError("is far too large to be an archive of keys", where="standard input", hint=hint)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            return {PurePosixPath(one.name).name: _content(archive, one) for one in archive if one.isreg()}
    except tarfile.TarError:
        raise InputError("is no archive of keys", where="standard input", hint=hint) from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None or member.size > MAX_FILE_BYTES:
        raise InputError("holds a file that is no key file", where="standard input")
    return file.read()
