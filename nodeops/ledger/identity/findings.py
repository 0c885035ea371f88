"""Whether the files of an identity on this host are as they should be: owner, mode and content."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.core.finding import Finding, Verdict
from nodeops.ledger.identity.files import FILE_MODE, FOLDER_MODE, Layout, clear_errors, read_small
from nodeops.ledger.identity.identity import parse_node_key, parse_signing_state, parse_validator_key
from nodeops.ledger.identity.record_key import RECORD_KEY_MODE, parse_record_key


def key_findings(at: Layout) -> list[Finding]:
    """Return findings for each folder and file of the identity: its owner and its mode, and whether it can be read."""
    wanted = [
        (at.keys, at.root, stat.S_IFDIR | FOLDER_MODE),
        (at.node_key, at.root, stat.S_IFREG | FILE_MODE),
        (at.validator_key, at.root, stat.S_IFREG | FILE_MODE),
        (at.data, at.user, stat.S_IFDIR | FOLDER_MODE),
        (at.state, at.user, stat.S_IFREG | FILE_MODE),
    ]
    if at.record_key and os.path.lexists(at.record_key):
        wanted.append((at.record_key, at.root, stat.S_IFREG | RECORD_KEY_MODE))
    return [*(_owner_and_mode(*row) for row in wanted), *_contents(at)]


def _contents(at: Layout) -> Iterator[Finding]:
    """Yield whether each file holds what it should: a process reads its own again only when it starts."""
    parsers: list[tuple[Path, Callable[[bytes, str], object]]] = [
        (at.node_key, parse_node_key),
        (at.validator_key, parse_validator_key),
        (at.state, parse_signing_state),
    ]
    if at.record_key and os.path.lexists(at.record_key):
        parsers.append((at.record_key, parse_record_key))
    for file, parse in parsers:
        name, expected = f"identity-content:{file.name}", f"{file} is whole"
        try:
            parse(read_small(file), str(file))
        except HostError as error:
            yield Finding(name, Verdict.FAIL, expected, f"{error.where}: {error.what}", error.hint)
        else:
            yield Finding(name, Verdict.PASS, expected, f"{file} is whole")


def _owner_and_mode(path: Path, owner: tuple[int, int], mode: int) -> Finding:
    with clear_errors(path):
        found = path.lstat()
    good = (found.st_uid, found.st_gid, found.st_mode) == (*owner, mode)
    hint = f"see who changed it, then: chown {owner[0]}:{owner[1]} {path}; chmod {stat.S_IMODE(mode):o} {path}"
    return Finding(
        f"identity-file:{path.name}",
        Verdict.PASS if good else Verdict.FAIL,
        f"{path} {_described(*owner, mode)}",
        f"{path} {_described(found.st_uid, found.st_gid, found.st_mode)}",
        "" if good else hint,
    )


def _described(uid: int, gid: int, mode: int) -> str:
    return f"{stat.filemode(mode)} {uid}:{gid}"
