"""Judge whether the names that we use on a host are free or ours: account, group, folders, units. Pure.

The validator key is readable for the ledger's account. A person who has it, or shares its number or group, has the key.
"""

from collections.abc import Iterator
from typing import Any

from nodeops.core.finding import Finding, Verdict
from nodeops.document.facts import Account, NameFacts, PathOwner
from nodeops.document.models import HostDocument, NodeDocument

_NO_SHELLS = frozenset({"/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false"})
# Debian's adduser gives people numbers from here on; systemd-sysusers stays below.
_FIRST_PERSON = 1000
_OTHERS_WRITE = 0o002
# The accounts that roles make for programs which run beside the ledger. systemd-sysusers takes one that is there as it is.
_DAEMONS = ("nodeops-exporter", "nodeops-log-host", "nodeops-mesh")
_RENAME = "rename or remove what has this name here, if nobody needs it"


def names_of(document: HostDocument) -> dict[str, Any]:
    """Return what is to be looked at: the arguments of nodeops.host.names.seen."""
    paths = [*_roots(document), document.paths["command"]]
    if not isinstance(document, NodeDocument):
        return {"user": "", "unit": "", "paths": paths, "daemons": list(_DAEMONS)}
    ledger = document.ledger
    folders = [ledger.paths[name] for name in ("home", "data", "binaries", "log_directory")]
    return {"user": ledger.user, "unit": ledger.unit, "paths": [*folders, *paths], "daemons": list(_DAEMONS)}


def _roots(document: HostDocument) -> list[str]:
    return [document.paths["state"], document.paths["agent"], document.paths["document"].rpartition("/")[0]]


def judge_names(document: HostDocument, seen: NameFacts) -> list[Finding]:
    """Return a finding each for the ledger's account where there is one, those of our other programs, the paths and the units."""
    account = [_account(document, seen.account)] if isinstance(document, NodeDocument) else []
    return [*account, _daemons(seen), _paths(document, seen), _units(document, seen)]


def _judged(name: str, expected: str, problems: list[str], fine: str, hint: str) -> Finding:
    verdict = Verdict.FAIL if problems else Verdict.PASS
    return Finding(name, verdict, expected, "; ".join(problems) or fine, hint if problems else "")


def _account(document: NodeDocument, seen: Account | None) -> Finding:
    user = document.ledger.user
    expected = f"the account and the group '{user}' are ours alone: no shell, no person, no other member"
    problems = list(_strange(seen, document.ledger.paths["home"])) if seen else []
    hint = f"{_RENAME} (usermod --login, groupmod --new-name): whoever has it reads the validator key"
    return _judged("account", expected, [f"'{user}' {problem}" for problem in problems], "free, or ours", hint)


def _daemons(seen: NameFacts) -> Finding:
    expected = "the accounts nodeops-* are ours alone: no shell, no person, no other member"
    problems = [f"'{name}' {problem}" for name, one in sorted(seen.daemons.items()) for problem in _strange(one, one.home)]
    hint = f"{_RENAME} (usermod --login, groupmod --new-name): whoever has it has what that program reads"
    return _judged("daemons", expected, problems, "free, or ours", hint)


def _strange(seen: Account, home: str | None) -> Iterator[str]:
    if seen.uid is not None:
        if not 0 < seen.uid < _FIRST_PERSON:
            yield f"has the number {seen.uid}, which is {'root' if seen.uid == 0 else 'a person'}'s"
        if seen.shell not in _NO_SHELLS:
            yield f"has the shell {seen.shell}"
        if seen.home != home:
            yield f"lives in {seen.home}, not in {home}"
        if seen.gid != seen.group:
            yield f"has the group number {seen.gid}, not that of its own group"
    if seen.members:
        yield f"is shared with {', '.join(seen.members)}"


def _paths(document: HostDocument, seen: NameFacts) -> Finding:
    expected = "the folders of node and agent are free, or belong to root or the ledger, and nobody else writes there"
    problems = [problem for path in seen.paths for problem in _trouble(document, path)]
    return _judged("paths", expected, problems, "free, or ours", f"{_RENAME}; of our own: chown, chmod o-w")


def _trouble(document: HostDocument, seen: PathOwner) -> Iterator[str]:
    if seen.path == document.paths["command"]:
        if not (seen.link or "").startswith(f"{document.paths['agent']}/"):
            yield f"{seen.path} is another program"
        return
    allowed = {"root"}
    if isinstance(document, NodeDocument) and seen.path not in _roots(document):
        allowed.add(document.ledger.user)
    if not seen.folder:
        yield f"{seen.path} is no folder"
    if seen.owner not in allowed:
        yield f"{seen.path} belongs to {seen.owner}"
    if seen.mode & _OTHERS_WRITE:
        yield f"everybody may write to {seen.path} (mode {seen.mode:04o})"


def _units(document: HostDocument, seen: NameFacts) -> Finding:
    ledger = f"{document.ledger.unit} and " if isinstance(document, NodeDocument) else ""
    expected = f"{ledger}the units nodeops-* are free, or written by us"
    problems = [f"{unit.path} is not ours" for unit in seen.units if not unit.ours]
    return _judged("units", expected, problems, "free, or ours", f"{_RENAME}; a masked unit is unmasked by systemctl unmask")
