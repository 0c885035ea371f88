"""What databases and keys are called, which must never lie where we remove things. Pure."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from nodeops.core.printable import shown
from nodeops.logstore.naming import Segment, is_segment_name, segment_name

# Files of LevelDB, RocksDB, Badger, bbolt and SQLite; write-ahead logs (LevelDB calls them *.log, CometBFT *.wal); keys and
# certificates of CometBFT, geth, Besu, Fabric, Tessera and SSH. One of them in a folder of segments means: the wrong folder.
_DATABASES = ("*.ldb", "*.sst", "*.blob", "*.vlog", "*.db", "*.log", "*.wal", "cs.wal", "wal", "*.cdat", "*.rdat", "chaindata")
_DATABASES_BY_CASE = ("MANIFEST*", "CURRENT", "LOCK", "LOG", "LOG.old*", "IDENTITY", "OPTIONS-*", "KEYREGISTRY")
_KEYS = ("keystore", "nodekey", "node_key*", "priv_validator*", "*.pem", "*.key", "*_sk", "*.p12", "*.pfx", "*.jks", "id_*")
_KEYS_BY_CASE = ("UTC--*",)


def names_itself(segment: Segment) -> bool:
    """Tell whether a segment's file has the name that its stream and its offsets give."""
    return is_segment_name(segment.name) and segment.name == segment_name(segment.stream, segment.start, segment.end)


def is_tripwire(name: str) -> bool:
    """Tell whether a file of this name belongs to a database or is a key. Names in capitals are meant as they are written."""
    any_case = any(fnmatchcase(name.lower(), pattern) for pattern in (*_DATABASES, *_KEYS))
    return any_case or any(fnmatchcase(name, pattern) for pattern in (*_DATABASES_BY_CASE, *_KEYS_BY_CASE))


def alarm(names: Iterable[str]) -> str:
    """Return the sentence for a folder of segments in which these names were found."""
    found = ", ".join(sorted(shown(name) for name in names))
    return f"ALARM: holds what belongs to a database or is a key, so nothing is removed here: {found}"
