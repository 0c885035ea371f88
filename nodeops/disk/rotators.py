"""Rules of others that would cut the ledger's log: logrotate itself is asked what it would do, before it does."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from os.path import normpath
from pathlib import Path

from nodeops.core.errors import NodeopsError
from nodeops.core.finding import Finding, Verdict
from nodeops.host.command import run

CONFIGURATION, FOLDER = Path("/etc/logrotate.conf"), Path("/etc/logrotate.d")
_PROGRAM = Path("/usr/sbin/logrotate")
_SECONDS = 20
_PATTERN = "rotating pattern: "


def rotator_finding(paths: Sequence[str]) -> Finding:
    """Return whether logrotate has a rule for one of the paths. What it does to a log that is written to costs lines."""
    expected = "no rule of others rotates or truncates the ledger's log"
    if not _PROGRAM.exists() or not CONFIGURATION.exists():
        return Finding("disk.rotators", Verdict.PASS, expected, "logrotate is not set up here")
    try:
        said = run([_PROGRAM, "--debug", CONFIGURATION], timeout_seconds=_SECONDS, allowed_codes=range(256)).stderr
    except NodeopsError as error:
        return Finding("disk.rotators", Verdict.UNKNOWN, expected, error.what, error.hint)
    theirs = set(patterns(said.decode(errors="replace")))
    rules = sorted(pattern for pattern in theirs if matching(pattern, paths) or _leads_to(pattern, paths))
    if not rules:
        return Finding("disk.rotators", Verdict.PASS, expected, "logrotate has none")
    actual = "; ".join(f"{_file_of(rule)}: {rule}" for rule in rules)
    hint = "take the ledger's log out of that rule: the disk guard seals it without losing a line"
    return Finding("disk.rotators", Verdict.FAIL, expected, actual, hint)


def patterns(said: str) -> Iterator[str]:
    """Yield the patterns of files that logrotate has rules for, from what it says with --debug. Pure."""
    for line in said.splitlines():
        if line.startswith(_PATTERN):
            # After two spaces it says how often.
            yield from line.removeprefix(_PATTERN).partition("  ")[0].split()


def matching(pattern: str, paths: Sequence[str]) -> bool:
    """Tell whether a pattern is for one of the paths, however it is spelt: `//` and `..` lead there too. Pure."""
    plain = normpath(pattern)
    return any(fnmatchcase(path, plain) and plain.count("/") == path.count("/") for path in paths)


def _leads_to(pattern: str, paths: Sequence[str]) -> bool:
    """Tell whether what a pattern finds on this host is one of the paths, links and all."""
    places = {Path(path).resolve() for path in paths}
    # To logrotate two stars are one.
    beneath = normpath(pattern).lstrip("/").replace("**", "*")
    return pattern.startswith("/") and any(found.resolve() in places for found in Path("/").glob(beneath or "."))


def _file_of(pattern: str) -> str:
    """Return the file that a pattern stands in, as far as it can be found."""
    for file in (*sorted(FOLDER.glob("*")), CONFIGURATION):
        if file.is_file() and pattern in file.read_text(encoding="utf-8", errors="replace"):
            return str(file)
    return str(CONFIGURATION)
