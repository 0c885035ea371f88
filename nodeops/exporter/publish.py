"""Certificates beside the consortium file, on the controller: those of managed hosts are written, all are read and judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from nodeops.core.errors import InputError
from nodeops.document.models import Consortium, Monitor, Node, Repository
from nodeops.exporter.certificates import checked, public_key
from nodeops.host.files import write_atomic

FOLDER = "certificates"
# Other keys, so other certificates: of monitors and repositories as log hosts, and of their exporters.
LOG_HOSTS, EXPORTERS = "log_hosts", "exporters"
_PUBLIC_FILE = 0o644
Host = Node | Monitor | Repository


@dataclass(frozen=True)
class Known:
    """The certificates of nodes, monitors and repositories by name (PEM), who has none yet, and the files that were written."""

    nodes: dict[str, str] = field(default_factory=dict)
    monitors: dict[str, str] = field(default_factory=dict)
    repositories: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)


def publish(
    folder: Path, consortium: Consortium, shown: Mapping[str, str], *, dry_run: bool = False, kind: str = FOLDER
) -> Known:
    """Write what managed hosts showed, and return all certificates that the inventory folder then holds.

    `shown` are certificates by host; `kind` is the folder of theirs, FOLDER, LOG_HOSTS or EXPORTERS. One that a managed host made
    anew replaces the old one. Raise InputError for one that does not stand for its host alone, and for a key that two hosts
    show, before anything is written.
    """
    hosts: dict[str, Host] = {**consortium.nodes, **consortium.monitors, **consortium.repositories}
    if unknown := sorted(set(shown) - set(hosts)):
        raise InputError(f"unknown hosts: {', '.join(unknown)}", where="certificates", allowed=", ".join(hosts))
    shown = {name: _plain(pem, name, hosts[name], f"the certificate that {name} showed") for name, pem in shown.items()}
    written = {name: pem for name, pem in shown.items() if _kept(folder / kind, name) != pem}
    held = dict(_held(folder / kind, hosts, shown))
    _refuse_shared_keys(folder / kind, held)
    if written and not dry_run:
        (folder / kind).mkdir(exist_ok=True)
        for name, pem in written.items():
            write_atomic(folder / kind / f"{name}.pem", pem.encode(), _PUBLIC_FILE)
    return Known(
        nodes={name: pem for name, pem in held.items() if name in consortium.nodes},
        monitors={name: pem for name, pem in held.items() if name in consortium.monitors},
        repositories={name: pem for name, pem in held.items() if name in consortium.repositories},
        missing=sorted(set(hosts) - set(held)),
        written={f"{kind}/{name}.pem": pem for name, pem in written.items()},
    )


def _kept(folder: Path, name: str) -> str | None:
    file = folder / f"{name}.pem"
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(file)) from error


def _held(folder: Path, hosts: Mapping[str, Host], shown: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, host in sorted(hosts.items()):
        pem = shown.get(name) or _kept(folder, name)
        if pem:
            yield name, _plain(pem, name, host, str(folder / f"{name}.pem"))


def _refuse_shared_keys(folder: Path, held: Mapping[str, str]) -> None:
    owners: dict[bytes, str] = {}
    for name, pem in held.items():
        other = owners.setdefault(public_key(pem), name)
        if other != name:
            hint = (
                "one host was copied from the other, or has its key: remove the key of the one that is wrong, run site.yml there"
            )
            raise InputError(f"{other} and {name} show the same key", where=str(folder), allowed="a key of each host", hint=hint)


def _plain(pem: str, name: str, host: Host, where: str) -> str:
    """Return a host's certificate in the one spelling of PEM: without other text around it, and whatever ends its lines."""
    return checked(pem.encode(), name, host.address, where).public_bytes(Encoding.PEM).decode("ascii")
