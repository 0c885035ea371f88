"""What a lab is: `lab.yml` beside consortium.yml, checked, and the hosts that follow from both."""

import ipaddress
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from nodeops.core.errors import InputError
from nodeops.document.check import checked_consortium
from nodeops.document.fields import NAME_RULE, Name
from nodeops.document.lab_accounts import LAB_FILE, lab_account
from nodeops.document.load import CONSORTIUM_FILE, Source, plain, read_source
from nodeops.document.models import Consortium, Model

# Release of a host -> the suite that Debian's own tools know it by.
SUITES = {"debian12": "bookworm", "debian13": "trixie"}
Release = Literal["debian12", "debian13"]

_SIZE = re.compile(r"([1-9][0-9]{0,5})([MG])")
_SIZE_RULE = "a number and M or G (MiB, GiB), from 16M to 64G"
_SMALLEST_BYTES, _LARGEST_BYTES = 16 << 20, 64 << 30
_MOUNT = re.compile(r"/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_MOUNT_TOPS = ("data", "mnt", "opt", "srv", "var")
_MOUNT_RULE = f"an absolute path below {', '.join(f'/{top}' for top in _MOUNT_TOPS)}, such as /var/log/ledger"
# A larger subnet would hide too much of the machine's own world; a smaller one has no room for hosts.
_SHORTEST_PREFIX, _LONGEST_PREFIX = 16, 29

Location = tuple[str, ...]


def _subnet(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"is not an IPv4 network such as 172.30.0.0/24: {error}") from error
    if not network.is_private or not _SHORTEST_PREFIX <= network.prefixlen <= _LONGEST_PREFIX:
        raise ValueError(f"is not a private network of /{_SHORTEST_PREFIX} to /{_LONGEST_PREFIX}, such as 172.30.0.0/24")
    return str(network)


def _bytes(value: Any) -> int:
    parts = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(parts[1]) << (20 if parts[2] == "M" else 30) if parts else 0
    if not _SMALLEST_BYTES <= size <= _LARGEST_BYTES:
        raise ValueError(f"is not a size; allowed: {_SIZE_RULE}")
    return size


def _mount_path(value: str) -> str:
    """Return a path that a filesystem may cover without taking the host's own system away."""
    fits = _MOUNT.fullmatch(value) and value == posixpath.normpath(value) and len(value) <= 100
    top, _, below = value.strip("/").partition("/")
    if not fits or top not in _MOUNT_TOPS or (top == "var" and below in ("", "lib", "lib/nodeops-lab")):
        raise ValueError(f"is not a place for a filesystem; allowed: {_MOUNT_RULE}")
    return value


class LabHost(Model):
    """What one host of the lab has of its own. `filesystems`: mount point -> size in bytes of a real ext4."""

    release: Release | None = None
    filesystems: dict[Annotated[str, AfterValidator(_mount_path)], Annotated[int, BeforeValidator(_bytes)]] = Field(
        default_factory=dict
    )


class LabFile(Model):
    """The whole of lab.yml."""

    lab: Name
    subnet: Annotated[str, AfterValidator(_subnet)]
    release: Release = "debian12"
    hosts: dict[Name, LabHost] = Field(default_factory=dict)


@dataclass(frozen=True)
class HostSpec:
    """One host to be: name, IPv4 address, release, and (mount point, size in bytes) of its own filesystems."""

    name: str
    address: str
    release: str
    filesystems: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Lab:
    """A lab to be: its name, the inventory folder it belongs to (absolute), its subnet and its hosts.

    `accounts` are the organisations whose key is the lab's to make.
    """

    name: str
    folder: Path
    subnet: str
    hosts: tuple[HostSpec, ...]
    accounts: tuple[str, ...] = ()

    @property
    def gateway(self) -> str:
        """Return the address of the machine in the lab's network: the first of the subnet."""
        return str(ipaddress.IPv4Network(self.subnet)[1])

    @property
    def releases(self) -> list[str]:
        """Return the releases its hosts need, sorted."""
        return sorted({host.release for host in self.hosts})


def load_lab(folder: Path) -> Lab:
    """Return the lab of an inventory folder. Raise InputError, with lines, for anything that cannot work."""
    file, source = _lab_file(folder)
    consortium, _ = checked_consortium(folder)
    members = read_source(folder / CONSORTIUM_FILE)
    problems = [
        *((source.where(place), text) for place, text in _unknown_hosts(file, consortium)),
        *((members.where(place), text) for place, text in _address_problems(file, consortium)),
    ]
    if problems:
        raise _joined(problems)
    accounts = tuple(name for name, member in consortium.organisations.items() if member.account == lab_account(name))
    return Lab(file.lab, folder.resolve(), file.subnet, tuple(_hosts(file, consortium)), accounts)


def lab_identity(folder: Path) -> tuple[str, frozenset[str]]:
    """Return the name of the lab and of all hosts its consortium file mentions.

    Asks as little as possible of both files, so that a lab can be taken down while one is being edited. Raise InputError.
    """
    file, _ = _lab_file(folder)
    tree = plain(read_source(folder / CONSORTIUM_FILE).tree)
    groups = (tree.get(kind) for kind in ("nodes", "monitors", "repositories")) if isinstance(tree, dict) else ()
    return file.lab, frozenset(name for group in groups if isinstance(group, dict) for name in group)


def _lab_file(folder: Path) -> tuple[LabFile, Source]:
    path = folder / LAB_FILE
    if not path.is_file():
        raise InputError(
            f"is not a lab: there is no {LAB_FILE}",
            where=str(folder),
            hint="name a lab with --inventory; the hosts of a real inventory are never touched by `nodeops lab`",
        )
    source = read_source(path)
    if not isinstance(source.tree, dict):
        raise InputError("is not a mapping of keys", where=f"{path}:1", allowed=", ".join(LabFile.model_fields))
    try:
        return LabFile.model_validate(plain(source.tree)), source
    except ValidationError as error:
        raise _joined(sorted({_problem(source, item) for item in error.errors()})) from error


def _problem(source: Source, item: Any) -> tuple[str, str]:
    location = [step for step in item["loc"] if step != "[key]"]
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        known = LabFile if len(location) == 1 else LabHost
        message = f"unknown key; allowed: {', '.join(known.model_fields)}"
    elif item["type"] == "missing":
        message = "this key is required"
    elif item["type"] == "string_pattern_mismatch":
        message = f"is not a name; allowed: {NAME_RULE}"
    return source.where(location), f"{'.'.join(str(step) for step in location)}: {message}"


def _joined(problems: Sequence[tuple[str, str]]) -> InputError:
    (where, text), rest = problems[0], problems[1:]
    return InputError(text + "".join(f"\n{place}: {what}" for place, what in rest), where=where, hint="see docs/lab.md")


def _unknown_hosts(file: LabFile, consortium: Consortium) -> Iterator[tuple[Location, str]]:
    known = [*consortium.nodes, *consortium.monitors, *consortium.repositories]
    for name in file.hosts:
        if name not in known:
            yield ("hosts", name), f"'{name}' is not in {CONSORTIUM_FILE}; allowed: {', '.join(known)}"


def _address_problems(file: LabFile, consortium: Consortium) -> Iterator[tuple[Location, str]]:
    network = ipaddress.IPv4Network(file.subnet)
    taken = {network[0]: "the network itself", network[1]: "the gateway of the lab", network[-1]: "the broadcast address"}
    for kind, name, address in _addresses(consortium):
        try:
            number = ipaddress.IPv4Address(address)
        except ValueError:
            yield (kind, name, "address"), f"{name}: {address} is not an IPv4 address; a lab has nothing else"
            continue
        if number not in network:
            yield (kind, name, "address"), f"{name}: {address} is not inside the lab's subnet {file.subnet} ({LAB_FILE})"
        elif number in taken:
            yield (kind, name, "address"), f"{name}: {address} is {taken[number]}; take another one of {file.subnet}"


def _addresses(consortium: Consortium) -> Iterator[tuple[str, str, str]]:
    for name, node in consortium.nodes.items():
        yield "nodes", name, node.address
    for name, monitor in consortium.monitors.items():
        yield "monitors", name, monitor.address
    for name, repository in consortium.repositories.items():
        yield "repositories", name, repository.address


def _hosts(file: LabFile, consortium: Consortium) -> Iterator[HostSpec]:
    for _, name, address in _addresses(consortium):
        own = file.hosts.get(name, LabHost())
        yield HostSpec(name, address, own.release or file.release, tuple(sorted(own.filesystems.items())))
