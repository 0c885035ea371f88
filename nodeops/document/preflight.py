"""Judge a host before anything on it is changed: can it carry what its document describes? Pure."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from pydantic import TypeAdapter, ValidationError

from nodeops.core.errors import InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.printable import printable
from nodeops.core.units import size
from nodeops.document.facts import Filesystem, HostFacts, Listener, Login
from nodeops.document.fields import Address
from nodeops.document.models import HostDocument, Model, NodeDocument, Port
from nodeops.document.names_rules import judge_names

# What systemd-detect-virt calls a container: it has its host's clock, and cannot set or see how it is kept.
CONTAINERS = frozenset(
    {"docker", "podman", "lxc", "lxc-libvirt", "systemd-nspawn", "openvz", "rkt", "wsl", "proot", "pouch", "container-other"}
)
_WILDCARDS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - recognised, not bound


class SupportedRelease(Model):
    """One operating system release that can carry a node, with the Python that comes with it."""

    id: str
    version: str
    python: str
    why: str


class Architecture(Model):
    """One machine type, as `uname -m` says it."""

    name: str
    why: str


class RoomLimits(Model):
    """What a filesystem needs besides free bytes, which are a choice of the organisation."""

    min_free_inodes: int
    why: str


class ReleaseSupport(Model):
    """Which hosts can carry a node (releases.toml)."""

    releases: list[SupportedRelease]
    architectures: list[Architecture]
    limits: RoomLimits


def release_support() -> ReleaseSupport:
    """Return which hosts can carry a node."""
    text = (resources.files("nodeops.document") / "releases.toml").read_text(encoding="utf-8")
    return ReleaseSupport.model_validate(tomllib.loads(text))


def judge_host(
    document: HostDocument,
    observed: HostFacts,
    controller_time: float | Sequence[float],
    support: ReleaseSupport | None = None,
) -> list[Finding]:
    """Return the findings on a host. One that fails means: change nothing there.

    `controller_time` is the controller's clock in Unix seconds, read once, or [before, after] the host was asked: then the
    time that the request took is not counted as an error of the host's clock.
    """
    law = support or release_support()
    clock = (controller_time, controller_time) if isinstance(controller_time, int | float) else tuple(controller_time)
    return [
        *_system(observed, law),
        *_room(document, observed, law.limits),
        *_ports(document, observed.listening),
        _clock(document.limits.max_clock_skew_seconds, observed.time, min(clock), max(clock)),
        _synchronised(observed),
        _packages(observed.packages_missing),
        *_operators(document, observed.login),
        *judge_names(document, observed.names),
    ]


def _finding(name: str, good: bool, expected: str, actual: str, hint: str) -> Finding:
    return Finding(name, Verdict.PASS if good else Verdict.FAIL, expected, actual, "" if good else hint)


def _system(observed: HostFacts, law: ReleaseSupport) -> Iterator[Finding]:
    found = f"{observed.os.id} {observed.os.version_id}".strip() or "unknown"
    known = [release for release in law.releases if (release.id, release.version) == (observed.os.id, observed.os.version_id)]
    allowed = " or ".join(f"{release.id} {release.version}" for release in law.releases)
    yield _finding("os-release", bool(known), allowed, found, f"install {allowed} on this host; others are not tested")
    for release in known:
        good = observed.python == release.python
        hint = f"make /usr/bin/python3 the Python of {found} again: the agent's tree is built for it"
        yield _finding("python", good, f"Python {release.python}", f"Python {observed.python}", hint)
    machines = " or ".join(machine.name for machine in law.architectures)
    good = observed.architecture in {machine.name for machine in law.architectures}
    yield _finding("architecture", good, machines, observed.architecture, f"use a host of {machines}")
    text = "systemd runs" if observed.systemd else "systemd does not run"
    yield _finding(
        "systemd", observed.systemd, "systemd runs", text, "boot this host with systemd; a container needs an init image"
    )


def _room(document: HostDocument, observed: HostFacts, limits: RoomLimits) -> Iterator[Finding]:
    needed = document.limits.min_free_bytes
    vital = _vital(document) if isinstance(document, NodeDocument) else {}
    seen = {filesystem.path for filesystem in observed.filesystems}
    for path in sorted(vital.keys() - seen):
        yield Finding(f"disk:{path}", Verdict.UNKNOWN, f"{size(needed)} free", "was not observed", "observe this path")
    for filesystem in observed.filesystems:
        purpose = vital.get(filesystem.path)
        judged = _free_bytes(filesystem, purpose or "everything else", needed), _free_inodes(filesystem, limits)
        for finding in filter(None, judged):
            yield finding if purpose or finding.verdict is Verdict.PASS else _softened(finding)


def _vital(document: NodeDocument) -> dict[str, str]:
    """Return the paths without room for which there is no node, and what each is for."""
    paths = document.ledger.paths
    vital = {paths["data"]: "the ledger's data"}
    # A log with a filesystem of its own may be as full as it likes: the disk guard keeps it, and this run may be what mends it.
    if not (document.limits.disk.log_bytes or document.limits.disk.log_device):
        vital[paths["log_directory"]] = "the ledger's log"
    return vital


def _softened(finding: Finding) -> Finding:
    return Finding(finding.id, Verdict.WARN, finding.expected, finding.actual, finding.hint)


def _free_bytes(filesystem: Filesystem, purpose: str, needed: int) -> Finding:
    expected = f"{size(needed)} free for {purpose} (min_free_bytes)"
    actual = f"{filesystem.path}: {size(filesystem.free_bytes)} free of {size(filesystem.total_bytes)}"
    too_small = filesystem.total_bytes < needed
    advice = "give it a larger filesystem" if too_small else "free some room, or give it a filesystem of its own"
    hint = f"{advice}; or choose a smaller min_free_bytes in nodeops_choices"
    return _finding(f"disk:{filesystem.path}", filesystem.free_bytes >= needed, expected, actual, hint)


def _free_inodes(filesystem: Filesystem, limits: RoomLimits) -> Finding | None:
    """Return a finding on inodes; none where the filesystem makes them as needed (it reports none, or 0 in total)."""
    if filesystem.free_inodes is None or filesystem.free_inodes >= limits.min_free_inodes:
        return None
    expected = f"{limits.min_free_inodes} free inodes ({limits.why})"
    actual = f"{filesystem.path}: {filesystem.free_inodes} free inodes"
    hint = "find and remove the many small files (du --inodes), or give it a filesystem of its own"
    return Finding(f"inodes:{filesystem.path}", Verdict.FAIL, expected, actual, hint)


def _ports(document: HostDocument, listening: Iterable[Listener]) -> Iterator[Finding]:
    """Yield whether the ports of a node are free. What a monitor or a repository serves, units of Debian's packages may hold."""
    if not isinstance(document, NodeDocument):
        return
    yield from _free(document.ledger.ports, document.ledger.unit, "the ledger's ", listening)
    for name, port in document.ports.items():
        yield from _free({name: port}, f"nodeops-{name}.service", "nodeops' ", listening)


def _free(ports: Mapping[str, Port], unit: str, whose: str, listening: Iterable[Listener]) -> Iterator[Finding]:
    strangers = [listener for listener in listening if listener.unit != unit]
    for name, port in sorted(ports.items()):
        same = [one for one in strangers if (one.port, one.protocol) == (port.port, port.protocol)]
        taken = [listener for listener in same if _overlap(port, listener.address)]
        expected = f"{port.bind}:{port.port} is free for {whose}{name}, or held by {unit}"
        actual = "; ".join(_holder(listener) for listener in taken) or f"port {port.port} is ours to use"
        hint = f"stop what listens there, or move it; {whose}ports are the same on all nodes ({port.why})"
        yield _finding(f"port:{name}", not taken, expected, actual, hint)


def _overlap(port: Port, address: str) -> bool:
    """Tell whether a listener keeps the ledger from binding: the same address, or either side binds all of them."""
    if port.bind in _WILDCARDS or address in _WILDCARDS:
        return True
    try:
        return ip_address(port.bind) == _unmapped(address)
    except ValueError:
        return True


def _unmapped(address: str) -> IPv4Address | IPv6Address:
    found = ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found


def _holder(listener: Listener) -> str:
    where = f"[{listener.address}]" if ":" in listener.address else listener.address
    who = listener.process or "a process that could not be seen"
    return f"{where}:{listener.port} is held by {who}" + (f" of {listener.unit}" if listener.unit else "")


def _clock(allowed: float, host: float, before: float, after: float) -> Finding:
    """Judge the host's clock by its distance from the time in which the controller asked; latency is not an error."""
    skew = host - after if host > after else host - before if host < before else 0.0
    took = f", asked within {after - before:.1f} s" if after > before else ""
    actual = f"host {_instant(host)}, controller {_instant(before)}{took}: {_skew_text(skew)}"
    hint = "set the clock (timedatectl, or the hypervisor), see that time synchronisation works, then run again"
    return _finding("clock", abs(skew) <= allowed, f"at most {allowed:g} s from the controller's clock", actual, hint)


def _skew_text(skew: float) -> str:
    return f"{abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}" if skew else "no difference"


def _instant(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s since 1970"


def _synchronised(observed: HostFacts) -> Finding:
    expected = "the clock is kept by time synchronisation"
    if observed.time_synchronised:
        return Finding("clock-synchronised", Verdict.PASS, expected, "synchronised")
    if observed.virtualization in CONTAINERS:
        actual = f"a container ({observed.virtualization}) has the clock of its host"
        return Finding("clock-synchronised", Verdict.NOT_TESTABLE_HERE, expected, actual, "look at the host of this container")
    actual = "not synchronised" if observed.time_synchronised is False else "cannot tell"
    hint = "name time servers that this host can reach (host_time_servers); see timedatectl timesync-status"
    return Finding("clock-synchronised", Verdict.WARN, expected, actual, hint)


def check_time_servers(servers: object) -> None:
    """Raise InputError unless this is a list of host names and addresses: they become words of one line of a host's settings."""
    allowed = "a list of host names and IP addresses, such as [ntp.example.org, 192.0.2.1]"
    hint = "mend it in group_vars or host_vars; [] keeps the time servers that hosts have"
    if not isinstance(servers, list):
        raise InputError("is not a list", where="host_time_servers", allowed=allowed, hint=hint)
    for server in servers:
        if problem := _no_time_server(server):
            what = f"'{printable(server, 100)}' {problem}"
            raise InputError(what, where="host_time_servers", allowed=allowed, hint=hint)


def _no_time_server(server: object) -> str:
    """Return why something is no time server, nothing for one that is. Clouds have theirs at an IPv4 address of the link."""
    if isinstance(server, str) and _is_address_of_link(server):
        return ""
    try:
        TypeAdapter(Address).validate_python(server, strict=True)
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")
    return ""


def _is_address_of_link(server: str) -> bool:
    try:
        return IPv4Address(server).is_link_local
    except ValueError:
        return False


def _operators(document: HostDocument, login: Login | None) -> Iterator[Finding]:
    """A firewall that lets nobody in, or not who sets it up, would shut them out: judged before a document says so."""
    choices = document.limits.firewall
    hint = "name the networks of operators and of this controller: nodeops_choices, firewall, operators (docs/firewall.md)"
    named = ", ".join(choices.operators) or "none are named"
    yield _finding("operators", bool(choices.operators), "networks from which operators log in", named, hint)
    if login is not None and choices.operators:
        seen = f"you are logged in from {login.address} on port {login.port}"
        good = login.port == choices.ssh_port and _within(login.address, choices.operators)
        expected = f"this controller may log in again: port {choices.ssh_port} from {named}"
        hint = "add its network to nodeops_choices, firewall, operators; another port is ssh_port beside it"
        yield _finding("controller", good, expected, seen, hint)


def _within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks; what is no address is in none."""
    try:
        found = _unmapped(address)
    except ValueError:
        return False
    return any(found in ip_network(network) for network in networks)


def _packages(missing: Sequence[str]) -> Finding:
    expected = "all packages that a host needs"
    if not missing:
        return Finding("packages", Verdict.PASS, expected, "all are installed")
    hint = "nothing to do where the host can reach its package mirror; else install them first"
    return Finding("packages", Verdict.WARN, expected, f"to be installed: {', '.join(missing)}", hint)
