"""Names: what a segment is called, and what databases and keys are called, which must never lie where we remove things. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from nodeops.disk.model import Segment

_SEGMENT = re.compile(r"([a-z][a-z0-9-]*)\.([0-9a-f]{16})-([0-9a-f]{16})\.zst", re.ASCII)
# Files of LevelDB, RocksDB, Badger, bbolt and SQLite; write-ahead logs (LevelDB calls them *.log, CometBFT *.wal); keys and
# certificates of CometBFT, geth, Besu, Fabric, Tessera and SSH. One of them in a folder of segments means: the wrong folder.
_DATABASES = ("*.ldb", "*.sst", "*.blob", "*.vlog", "*.db", "*.log", "*.wal", "cs.wal", "wal", "*.cdat", "*.rdat", "chaindata")
_DATABASES_BY_CASE = ("MANIFEST*", "CURRENT", "LOCK", "LOG", "LOG.old*", "IDENTITY", "OPTIONS-*", "KEYREGISTRY")
_KEYS = ("keystore", "nodekey", "node_key*", "priv_validator*", "*.pem", "*.key", "*_sk", "*.p12", "*.pfx", "*.jks", "id_*")
_KEYS_BY_CASE = ("UTC--*",)
_SHOWN_CHARACTERS = 120


def segment_name(stream: str, start: int, end: int) -> str:
    """Return what the file of bytes [start, end) of a stream is called."""
    return f"{stream}.{start:016x}-{end:016x}.zst"


def is_segment_name(name: str) -> bool:
    """Tell whether a file's name is exactly of the form that segments have; nothing may come before or after it."""
    return _SEGMENT.fullmatch(name) is not None


def is_unfinished_name(name: str) -> bool:
    """Tell whether this is what a segment's file is called while it is written."""
    return name.startswith(".") and name.endswith(".tmp") and is_segment_name(name[1:-4])


def names_itself(segment: Segment) -> bool:
    """Tell whether a segment's file has the name that its stream and its offsets give."""
    return is_segment_name(segment.name) and segment.name == segment_name(segment.stream, segment.start, segment.end)


def is_tripwire(name: str) -> bool:
    """Tell whether a file of this name belongs to a database or is a key. Names in capitals are meant as they are written."""
    any_case = any(fnmatchcase(name.lower(), pattern) for pattern in (*_DATABASES, *_KEYS))
    return any_case or any(fnmatchcase(name, pattern) for pattern in (*_DATABASES_BY_CASE, *_KEYS_BY_CASE))


def shown(name: str) -> str:
    """Return a name that may be hostile as printable text: control characters and broken bytes escaped, long ones cut."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def alarm(names: Iterable[str]) -> str:
    """Return the sentence for a folder of segments in which these names were found."""
    found = ", ".join(sorted(shown(name) for name in names))
    return f"ALARM: holds what belongs to a database or is a key, so nothing is removed here: {found}"
