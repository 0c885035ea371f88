"""Ask the kernel what becomes of a new connection: its rules are copied to where nobody is, and one packet is sent there.

Only the kernel knows what all tables make of a packet together: ours, a person's, Docker's, those of iptables and ufw. The
copy lives in a network namespace of a child process, so nothing of the host changes; its counters and limits stay as they are.
"""

import contextlib
import ctypes
import json
import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from nodeops.core.errors import HostError
from nodeops.firewall.live import NFT
from nodeops.firewall.packet import packet
from nodeops.firewall.trace_rules import LAST, Outcome, is_over, outcome
from nodeops.host.child import answer_of
from nodeops.host.command import run

_SECONDS = 20
# A busy host takes its time to start the monitor; once it speaks, what it says of one packet comes at once.
_FIRST_WORD_SECONDS, _SILENCE_SECONDS = 10.0, 2.0
_NEW_NETWORK = 0x40000000
_OUTSIDE = "nodeops-knock"
_LEGACY = (("ip_tables_names", "iptables-legacy"), ("ip6_tables_names", "ip6tables-legacy"))
_FORWARDING = ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
_INSIDE_MAC = "02:00:00:00:00:01"
_PLACEHOLDER = {4: "192.0.2.1", 6: "2001:db8::1"}


@dataclass(frozen=True)
class Way:
    """How a packet of an address comes in: over which interface, to which address of this host."""

    interface: str
    address: str


@dataclass(frozen=True)
class Knocked:
    """What the loaded rules make of a new connection; `way` None: it never leaves this host. `unread`: tables not copied."""

    outcome: Outcome
    way: Way | None
    unread: tuple[str, ...] = ()


def knock(address: str, port: int, protocol: str) -> Knocked:
    """Return what the loaded rules of all tables make of a new connection. Raise HostError without root."""
    way = _way(address)
    if way is None:
        return Knocked(Outcome(True, ours="lo"), None)
    copy = list(tables())
    forwarding = {name: Path("/proc/sys/net", name).read_bytes() for name in _FORWARDING if Path("/proc/sys/net", name).exists()}

    def apart() -> str:
        _leave_the_network()
        _build(way, _interfaces(copy), forwarding)
        unread = [name for name, words, script in copy if not _loaded(words, script)]
        return json.dumps({"lines": _traced(address, way, port, protocol), "unread": unread})

    answer = json.loads(answer_of(apart, seconds=_SECONDS))
    return Knocked(outcome(answer["lines"]), way, tuple(answer["unread"]))


def _way(address: str) -> Way | None:
    family = ip_address(address).version
    done = run(["ip", "-json", f"-{family}", "route", "get", address], timeout_seconds=_SECONDS, allowed_codes=range(256))
    route = (json.loads(done.stdout or b"[]") or [{}])[0]
    if route.get("type") == "local" or route.get("dev") == "lo":
        return None
    # Without a route the packet could come in over any interface.
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    return Way(route.get("dev") or (found or ["eth0"])[0], route.get("prefsrc") or _PLACEHOLDER[family])


def tables() -> Iterator[tuple[str, list[str], str]]:
    """Yield every table with the command that loads it and what that reads."""
    for line in _said(NFT, "list", "tables").splitlines():
        name = line.removeprefix("table ").strip()
        text = _said(NFT, "-s", "list", "table", *name.split())
        if re.search(r"\bxt (match|target)\b", text):
            family, table = name.split()
            program = "ip6tables-nft" if family == "ip6" else "iptables-nft"
            yield f"table {name}", [f"{program}-restore"], _saved(f"{program}-save", table)
        else:
            yield f"table {name}", [NFT, "-f", "-"], text
    for names, program in _LEGACY:
        with contextlib.suppress(OSError):
            if Path("/proc/net", names).read_text(encoding="ascii").strip():
                yield program, [f"{program}-restore"], _saved(f"{program}-save")


def _said(*words: str) -> str:
    return run(words, timeout_seconds=_SECONDS).stdout.decode(errors="replace")


def _saved(program: str, *table: str) -> str:
    """Return the rules of iptables; what cannot be read cannot be loaded either, and is named for it."""
    with contextlib.suppress(HostError):
        return _said(program, *(["-t", *table] if table else []))
    return "unreadable\n"


def _interfaces(copy: list[tuple[str, list[str], str]]) -> set[str]:
    """Return the interfaces that rules name by their number: without them the rules cannot be loaded."""
    return {name for _, _, script in copy for name in re.findall(r'\b[io]if "?([\w.@-]+)"?', script)} - {"lo"}


def _leave_the_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise HostError(f"no network of its own: {os.strerror(ctypes.get_errno())}", where="firewall", hint="run as root")


def _build(way: Way, others: set[str], forwarding: dict[str, bytes]) -> None:
    """Make the interfaces of the copy: the one that the packet comes in by, and those that rules name."""
    for name, value in forwarding.items():
        Path("/proc/sys/net", name).write_bytes(value)
    family, bits = (6, 128) if ":" in way.address else (4, 32)
    _ip("link set lo up")
    _ip(f"link add {way.interface} address {_INSIDE_MAC} type veth peer name {_OUTSIDE}")
    for number, name in enumerate(sorted(others - {way.interface})):
        _ip(f"link add {name} type veth peer name nodeops-{number}")
    for name in (way.interface, _OUTSIDE):
        _ip(f"link set {name} up")
    _ip(f"-{family} address add {way.address}/{bits} dev {way.interface}" + (" nodad" if family == 6 else ""))
    _ip(f"-{family} route add default dev {way.interface}")


def _ip(words: str) -> None:
    run(["ip", *words.split()], timeout_seconds=_SECONDS)


def _loaded(words: list[str], script: str) -> bool:
    try:
        run(words, timeout_seconds=_SECONDS, stdin=script.encode())
    except HostError:
        return False
    return True


def _watch(address: str, port: int, protocol: str) -> str:
    """Return the script that has our packet traced, and that shows when nothing stopped it."""
    family = "ip6" if ":" in address else "ip"
    chain = 'chain {0} {{ type filter hook {0} priority 2147483647; counter comment "arrived"; }};'
    last = " ".join(chain.format(hook) for hook in ("input", "forward"))
    wanted = f"{family} saddr {address} {protocol} dport {port} meta nftrace set 1"
    first = f"chain first {{ type filter hook prerouting priority -2147483648; {wanted}; }};"
    return f"table inet nodeops_first {{ {first} }}\ntable inet {LAST} {{ {last} }}\n"


def _traced(address: str, way: Way, port: int, protocol: str) -> list[str]:
    """Send the packet, and return the lines of its trace until it arrived, was stopped, or nothing more is said."""
    run([NFT, "-f", "-"], timeout_seconds=_SECONDS, stdin=_watch(address, port, protocol).encode())
    words = ["stdbuf", "-oL", NFT, "monitor", "trace"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as monitor:
        try:
            return _listened(monitor, address, way, port, protocol)
        finally:
            monitor.kill()


def _listened(monitor: "subprocess.Popen[bytes]", address: str, way: Way, port: int, protocol: str) -> list[str]:
    lines: list[str] = []
    handle = monitor.stdout.fileno() if monitor.stdout else -1
    until, said = time.monotonic() + _FIRST_WORD_SECONDS, b""
    while time.monotonic() < until and not any(map(is_over, lines)):
        # Sent again and again: the monitor says nothing of what came before it was there.
        _send(packet(address, way.address, port, protocol), way)
        if select.select([handle], [], [], 0.1)[0]:
            until = until if said else time.monotonic() + _SILENCE_SECONDS
            said += os.read(handle, 65536)
            lines = said.decode(errors="replace").splitlines()
    return lines


def _send(data: bytes, way: Way) -> None:
    kind = 0x86DD if ":" in way.address else 0x0800
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind)) as outside:
        outside.sendto(data, (_OUTSIDE, kind, 0, 0, bytes.fromhex(_INSIDE_MAC.replace(":", ""))))
