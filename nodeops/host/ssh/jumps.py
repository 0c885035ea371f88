"""Which hosts an inventory's ssh_config reaches through which others. Pure: what OpenSSH says of each host is given."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

# Options of ssh(1) that take a value: in the same word or in the next one.
_WITH_VALUE = "BbcDEeFIiJLlmOopPQRSWw"


@dataclass(frozen=True)
class Behind:
    """A host that is reached through another one: its name, and the destinations (host:port) that must be let through."""

    name: str
    destinations: tuple[str, ...]


def jump_hosts(
    means: Mapping[str, Mapping[str, str]], address: Mapping[str, str], real_name: Callable[[str], str]
) -> dict[str, list[Behind]]:
    """Return the hosts behind each host, by its name.

    `means` is what `ssh -G` says of each host, by keyword in lower case; `address` its address. `real_name` gives the HostName
    of a name that stands in an ssh_config only.
    """
    found: dict[str, list[Behind]] = {}
    for name, options in means.items():
        hops, port = list(_named(_hops(options))), options.get("port", "22")
        # Each host in between lets the next one through, the last one the host itself: by the name that ssh uses, and by ours.
        own = _destinations({options.get("hostname", name), address[name]} - {name}, port)
        ends = [*(_destinations({host}, number) for host, number in hops[1:]), own]
        for (host, _), end in zip(hops, ends, strict=False):
            through = _known(host, address, real_name)
            if through is not None and through != name:
                found.setdefault(through, []).append(Behind(name, end))
    return found


def _hops(options: Mapping[str, str]) -> list[str]:
    """Return the hosts in between, the nearest first."""
    jump = options.get("proxyjump", "none")
    if jump.lower() != "none":
        return jump.split(",")
    try:
        words = shlex.split(options.get("proxycommand", "none"))
    except ValueError:
        return []
    # `ssh -W %h:%p JUMP`, wherever its options stand: other commands (nc, connect) do not need sshd to forward.
    at = next((number for number, word in enumerate(words) if word.rpartition("/")[2] == "ssh"), len(words))
    given, host = _parsed(words[at + 1 :])
    return [*filter(None, given.get("J", "").split(",")), host] if "W" in given and host else []


def _parsed(words: list[str]) -> tuple[dict[str, str], str]:
    """Return the options of a call of ssh that have a value, by letter, and its host. Options stand before and behind it, and
    `-qW %h:%p`, `-W%h:%p` and `-W %h:%p` are the same."""
    given: dict[str, str] = {}
    host, rest = "", iter(words)
    for word in rest:
        if not word.startswith("-"):
            if host:
                break
            host = word
            continue
        at = next((number for number, letter in enumerate(word) if letter in _WITH_VALUE), None)
        if at is not None:
            given[word[at]] = word[at + 1 :] or next(rest, "")
    return given, host


def _named(hops: list[str]) -> Iterator[tuple[str, str]]:
    """Yield host and port of each hop: [user@]host[:port], or ssh://[user@]host[:port]."""
    for hop in hops:
        rest = hop.removeprefix("ssh://").rstrip("/").rpartition("@")[2]
        if rest.startswith("["):
            host, _, port = rest[1:].partition("]")
            yield host, port.removeprefix(":") or "22"
        else:
            host, _, port = rest.partition(":") if rest.count(":") == 1 else (rest, "", "")
            yield host, port or "22"


def _destinations(hosts: set[str], port: str) -> tuple[str, ...]:
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in sorted(hosts))


def _known(host: str, address: Mapping[str, str], real_name: Callable[[str], str]) -> str | None:
    """Return which of our hosts a name or an address means; None for one that is not ours."""
    for meant in (host, real_name(host)):
        found = [name for name, where in address.items() if meant in (name, where)]
        if found:
            return found[0]
    return None
