"""The files of the SSH server as they are written: what is for everyone, and each Match block with its place. Pure.

`sshd -T` says what counts for nobody in particular. A Match block goes before that for whom it names, so each is read too
(sshd_config(5); servconf.c: Include is read where it stands, and a Match ends with its file).
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

MAIN = "/etc/ssh/sshd_config"
_DEPTH = 16  # servconf.c: SERVCONF_MAX_DEPTH
# Options of sshd that say something of logins, behind some without a value, and what they say.
_DECIDING = re.compile(r"(?<=\s)-[46Deiqrt]*([fgo])\s*(.+?)(?=\s-|$)")
# The internet by halves or by quarters is the internet.
_WIDE_BITS = 4
_LINE = re.compile(r'^\s*"?([A-Za-z][A-Za-z0-9]*)"?\s*=?\s*(.*?)\s*$')

# All files that a pattern of Include finds, in sshd's order, each with its text.
Included = Callable[[str], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Block:
    """A Match line: whom it is for, and where it stands."""

    file: str
    number: int
    criteria: tuple[str, ...]

    def __str__(self) -> str:
        return f"Match {shlex.join(self.criteria)} ({self.file} line {self.number})"


@dataclass(frozen=True)
class Line:
    """A keyword with its value, in the block it belongs to; None: for everyone."""

    keyword: str
    value: str
    file: str
    number: int
    block: Block | None

    @property
    def key(self) -> str:
        """Return the keyword as `sshd -T` prints it."""
        return self.keyword.lower()


def read(included: Included, pattern: str = MAIN, block: Block | None = None, depth: int = 0) -> Iterator[Line]:
    """Yield all lines in sshd's order, those of included files where these are included."""
    for file, text in included(pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}") if depth < _DEPTH else ():
        here = block
        for number, line in enumerate(text.splitlines(), start=1):
            found = _LINE.match(line)
            keyword = found[1].lower() if found else ""
            if not found:
                continue
            if keyword == "match":
                here = _within(block, Block(file, number, tuple(_words(found[2]))))
            elif keyword == "include":
                for each in _words(found[2]):
                    yield from read(included, each, here, depth + 1)
            else:
                yield Line(found[1], found[2], file, number, here)


def _within(outer: Block | None, inner: Block) -> Block:
    """Return a block of a file that is itself included in a block: both must hold."""
    words = [*(outer.criteria if outer else ()), *inner.criteria]
    some = tuple(word for word in words if word.lower() != "all")
    return Block(inner.file, inner.number, some or ("all",))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def options_of(title: str) -> list[str]:
    """Return the options of a command line of sshd that decide something: they go before what its files say (sshd(8)).

    A server that runs shows its command line as `sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups`.
    """
    found = _DECIDING.findall(title.partition(" [listener]")[0].strip())
    pairs = [(f"-{letter}", value.strip("'\" ")) for letter, value in found]
    return [word for pair in pairs if pair != ("-f", MAIN) for word in pair]


def blocks(lines: Iterable[Line]) -> dict[Block, list[Line]]:
    """Return the lines of each block, in sshd's order: of two that fit, the first one counts."""
    found: dict[Block, list[Line]] = {}
    for line in lines:
        if line.block is not None:
            found.setdefault(line.block, []).append(line)
    return found


def for_everyone(lines: Iterable[Line]) -> dict[str, Line]:
    """Return the first line of each keyword outside all blocks: of those that are there twice it is the one that counts."""
    found: dict[str, Line] = {}
    for line in lines:
        if line.block is None:
            found.setdefault(line.key, line)
    return found


def flat(lines: Sequence[Line], *, without: Sequence[str] = (), first: str = "") -> str:
    """Return one file that means the same: `first`, what is for everyone, then the blocks; without the lines of some files."""
    kept = [line for line in lines if line.file not in without]
    text = first + "".join(f"{line.keyword} {line.value}\n" for line in kept if line.block is None)
    for block, inside in blocks(kept).items():
        text += f"Match {shlex.join(block.criteria)}\n" + "".join(f"{line.keyword} {line.value}\n" for line in inside)
    return text


@dataclass(frozen=True)
class Account:
    """Somebody who may log in: `person` tells root and whoever has a shell from accounts of programs."""

    name: str
    groups: frozenset[str]
    person: bool


def concerns(block: Block, accounts: Sequence[Account]) -> bool:
    """Tell whether a block can open a way in: it does not when it is for some addresses only, and there for accounts of
    programs only. Somebody who is not there yet may come."""
    wanted = _pairs(block.criteria)
    names, groups = wanted.get("user"), wanted.get("group")
    if not (names or groups) or _is_anywhere(wanted.get("address", "*")):
        return True
    met = [one for one in accounts if _meets(one, names, groups)]
    return not met or any(one.person for one in met)


def _is_anywhere(patterns: str) -> bool:
    """Tell whether a list of addresses has one that strangers come from: a whole half of the internet, or a pattern of stars."""
    return any(_is_wide(pattern) for pattern in patterns.split(",") if not pattern.startswith("!"))


def _is_wide(pattern: str) -> bool:
    try:
        network = ip_network(pattern, strict=False)
    except ValueError:
        return not re.search(r"[0-9a-fA-F]", pattern)
    return network.prefixlen <= _WIDE_BITS


def _pairs(criteria: Sequence[str]) -> dict[str, str]:
    """Return criteria by name, whether written `User a` or `User=a`."""
    words = [word for each in criteria for word in (each.split("=", 1) if re.match(r"[A-Za-z-]+=", each) else [each])]
    return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=False)}


def _meets(account: Account, names: str | None, groups: str | None) -> bool:
    fits = names is None or listed(names, account.name)
    return fits and (groups is None or any(listed(groups, group) for group in account.groups))


def listed(patterns: str, name: str) -> bool:
    """Tell whether a name is in a list of sshd's patterns: `*` and `?`, and `!` for who is not meant whatever else fits."""
    found = False
    for pattern in re.split(r"[,\s]+", patterns.strip()):
        shape = re.escape(pattern.removeprefix("!")).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(shape, name, re.DOTALL):
            if pattern.startswith("!"):
                return False
            found = True
    return found
