"""Judge whether the ledger that runs on a host is the one that is configured there. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument, Port

# systemd-analyze's scale is 0 to 10. The ledger needs the network and one folder, so nearly everything else can be closed.
MAX_EXPOSURE = 1.5
_DELETED = " (deleted)"


@dataclass(frozen=True)
class Running:
    """The ledger's main process: its program, user and listening sockets, and its start in Unix seconds."""

    program: str
    user: str
    listening: tuple[tuple[str, int], ...]
    started: float | None


@dataclass(frozen=True)
class Live:
    """What was observed. `changed` are the last changes of files in Unix seconds; None for a file that is not there."""

    state: str
    needs_reload: bool
    stale: bool
    running: Running | None
    changed: Mapping[str, float | None]
    exposure: float


def judge_live(document: NodeDocument, live: Live) -> list[Finding]:
    """Return the findings: unit, process, configuration, sockets, exposure."""
    unit = document.ledger.unit
    findings = [
        _finding("unit", live.running is not None, f"{unit} is active", live.state, f"journalctl --unit {unit} --lines 50"),
        _finding(
            "exposure",
            live.exposure <= MAX_EXPOSURE,
            f"at most {MAX_EXPOSURE} of 10",
            f"{live.exposure} of 10",
            f"see what opened it: systemctl cat {unit}; systemd-analyze security {unit}",
        ),
    ]
    if live.running is None:
        return findings
    return [*findings, *_process(document, live.running), *_freshness(live, live.running), *_sockets(document, live.running)]


def _finding(name: str, good: bool, expected: str, actual: str, hint: str) -> Finding:
    return Finding(name, Verdict.PASS if good else Verdict.FAIL, expected, actual, "" if good else hint)


def _process(document: NodeDocument, running: Running) -> Iterator[Finding]:
    plan = document.ledger
    hint = "nodeops ledger restart; if it stays, see ExecStart of the unit"
    if running.program.endswith(_DELETED):
        hint = "its file was replaced or removed while it ran: nodeops ledger restart"
    yield _finding("binary", running.program == plan.paths["version_binary"], plan.paths["version_binary"], running.program, hint)
    yield _finding("user", running.user == plan.user, plan.user, running.user, "see User= of the unit; nodeops ledger restart")


def _freshness(live: Live, running: Running) -> Iterator[Finding]:
    expected, hint = "the process was started from what is on disk now", "nodeops ledger restart"
    old = live.stale or live.needs_reload
    text = "an older configuration runs" if live.stale else "systemd has not read the unit file again"
    yield _finding("configuration", not old, expected, text if old else "this configuration runs", hint)
    for path, when in sorted(live.changed.items()):
        if when is None:
            yield Finding(
                f"unchanged:{path}", Verdict.FAIL, f"{path} is there", "it is missing", "run site.yml from the controller"
            )
    if running.started is None:
        yield Finding("unchanged", Verdict.UNKNOWN, expected, "systemd does not say when the process was started", hint)
        return
    newer = sorted(path for path, when in live.changed.items() if when is not None and when > running.started)
    actual = f"changed after the process was started: {', '.join(newer)}" if newer else "no file is newer than the process"
    yield _finding("unchanged", not newer, expected, actual, f"see who changed it; then {hint}")


def unbound(document: NodeDocument, running: Running) -> list[str]:
    """Return the names of the ledger's ports on which nothing listens (yet)."""
    open_ports = {port for _, port in running.listening}
    return sorted(name for name, port in document.ledger.ports.items() if port.port not in open_ports)


def _sockets(document: NodeDocument, running: Running) -> Iterator[Finding]:
    for name, port in sorted(document.ledger.ports.items()):
        yield _socket(name, port, [address for address, number in running.listening if number == port.port])
    known = {port.port for port in document.ledger.ports.values()}
    others = [_spelled(address, number) for address, number in running.listening if number not in known]
    actual = f"also listens on {', '.join(others)}" if others else "listens nowhere else"
    hint = "switch it off in the ledger's configuration (pprof, gRPC): every open port is a way in"
    yield _finding("listen:others", not others, "only the ports of the profile", actual, hint)


def _socket(name: str, port: Port, addresses: list[str]) -> Finding:
    expected = f"{_spelled(port.bind, port.port)} ({port.why})"
    if not addresses:
        return Finding(
            f"listen:{name}", Verdict.FAIL, expected, f"nothing listens on {port.port}", "nodeops ledger wait --blocks 1"
        )
    wrong = [address for address in addresses if not _as_configured(port, address)]
    actual = ", ".join(_spelled(address, port.port) for address in wrong or addresses)
    return _finding(f"listen:{name}", not wrong, expected, actual, "run site.yml, then nodeops ledger restart")


def _as_configured(port: Port, address: str) -> bool:
    """Tell whether a socket is bound as the document says. Go binds 0.0.0.0 as ::, so all wildcards are one."""
    wanted, found = ip_address(port.bind), ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    if port.scope == "local" and not found.is_loopback:
        return False
    return found == wanted or (wanted.is_unspecified and found.is_unspecified)


def _spelled(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
