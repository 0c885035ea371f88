"""What makes a host ill, and what makes it well again: two scripts for each fault. Pure.

The way back is armed on the host, as a timer of its systemd, before the fault is made: so it comes whatever becomes of the
command that asked for it. Delay is made by a program of the host (`hold.py`), because kernels where this was tried have neither
sch_netem nor nft's queue. A wrong clock is not among them, and cannot be: all hosts of a lab share the machine's.
"""

import ipaddress
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

from nodeops.core.errors import InputError

PREFIX = "lab-fault-"
# Below the hooks of any firewall, so that what is lost is lost before it is judged.
_PRIORITY = "raw - 10"
_CHAIN = "add chain {family} {table} {hook} {{ type filter hook {hook} priority {priority} ; }}"
_UNIT = "ledger.service"
_SLOW_FILE, _SLOW_TABLE = "/run/lab-slow", "nodeops_lab_slow"
_SLOW_GONE = f"nft delete table ip {_SLOW_TABLE}"
# However the program ends, killed with -9 as well, systemd takes its rule away; its last words are the reason.
_SLOW_UNIT = (
    f"systemd-run --quiet --collect --unit=lab-slow --service-type=notify --property=StandardError=append:{_SLOW_FILE}.log "
    f"--property=ExecStopPost='-/usr/sbin/{_SLOW_GONE}' python3 -I"
)


@dataclass(frozen=True)
class Fault:
    """One fault on one host: `make` and `undo` are scripts for its shell, run as root. An empty `undo`: it mends itself."""

    node: str
    what: str
    make: str
    undo: str

    def script(self, seconds: int) -> str:
        """Return what is run on the host: the way back first, then the fault."""
        if not self.undo:
            return self.make
        name = PREFIX + self.what.split()[0]
        # A file, because a daemon-reload reads the words of a transient unit otherwise than systemd wrote them: ";" as "\\;".
        file = f"/run/{name}.sh"
        back = shlex.quote(f"{self.undo}; rm -f {file}")
        arm = (
            f"systemctl stop --quiet {name}.timer 2>/dev/null; {self.undo}; printf %s {back} >{file} && "
            f"systemd-run --quiet --collect --unit={name} --on-active={seconds} --timer-property=AccuracySec=100ms sh {file}"
        )
        return f"{arm} && {{ {self.make}; }}"


def cut(one: str, other: str, addresses: Mapping[str, str]) -> list[Fault]:
    """Return no way between two hosts, in either direction."""
    return [
        _dropping(node, f"cut from {peer}", _to_and_from(_one(addresses, peer)))
        for node, peer in ((_known(one, addresses), other), (_known(other, addresses), one))
    ]


def isolate(node: str, addresses: Mapping[str, str], controller: str) -> list[Fault]:
    """Return a host that reaches nobody, and is reached by nobody but the controller."""
    family, address = _family(controller), _address(controller)
    rules = {
        "prerouting": f'iifname != "lo" {family} saddr != {address} drop',
        "output": f'oifname != "lo" {family} daddr != {address} drop',
    }
    return [_dropping(_known(node, addresses), "isolated", rules)]


def loss(node: str, percent: int, addresses: Mapping[str, str]) -> list[Fault]:
    """Return a host that loses so many percent of what arrives, by chance."""
    # nft takes no comparison that always holds.
    chance = f"numgen random mod 100 < {percent} " if percent < 100 else ""
    rules = {"prerouting": f'iifname != "lo" {chance}drop'}
    return [_dropping(_known(node, addresses), f"loss of {percent} %", rules)]


def rate(node: str, kilobits: int, addresses: Mapping[str, str]) -> list[Fault]:
    """Return a host that sends at most so many kilobits a second; what finds burst and 400 ms of it waiting is lost (tc-tbf)."""
    off = "tc qdisc del dev eth0 root 2>/dev/null; true"
    on = f"tc qdisc replace dev eth0 root tbf rate {kilobits}kbit burst 16kb latency 400ms"
    return [Fault(_known(node, addresses), f"rate of {kilobits} kbit/s", on, off)]


def slow(node: str, milliseconds: int, jitter: int, addresses: Mapping[str, str], controller: str) -> list[Fault]:
    """Return a host of which all that it sends leaves later, but for what it sends to the controller.

    Raise InputError for an unknown host, and for a jitter that is more than the delay.
    """
    if jitter > milliseconds:
        raise InputError(f"a jitter of {jitter} ms is more than the delay", allowed=f"0 to {milliseconds}")
    what = f"slow by {milliseconds} ms" + (f", give or take {jitter} ms" if jitter else "")
    at_once = ('oifname "lo"', f"ip daddr {_address(controller)}")
    # Where it leaves: what arrives has the kernel's stamp before any hook, and the mesh would take it for quick.
    table = _nft("ip", _SLOW_TABLE, [("output", f"{which} accept") for which in at_once])
    program = resources.files("nodeops.lab.faults").joinpath("hold.py").read_text(encoding="utf-8")
    file = f"printf %s {shlex.quote(program)} >{_SLOW_FILE}.py"
    started = f"{_SLOW_UNIT} {_SLOW_FILE}.py {_SLOW_TABLE} output {milliseconds} {jitter}"
    on = f"{table} && {file} && {{ {started} || {{ cat {_SLOW_FILE}.log 2>/dev/null; exit 1; }}; }}"
    off = f"systemctl stop lab-slow.service 2>/dev/null; {_SLOW_GONE} 2>/dev/null; rm -f {_SLOW_FILE}.*; true"
    return [Fault(_known(node, addresses), what, on, off)]


def pause(node: str, addresses: Mapping[str, str]) -> list[Fault]:
    """Return a ledger whose processes stand still, connections open."""
    # `systemctl freeze` knows cgroup v2 alone. A unit that is stopped meanwhile ends in order: systemd lets it go on for that.
    on, off = (f"systemctl kill --signal={signal} {_UNIT}" for signal in ("STOP", "CONT"))
    return [Fault(_known(node, addresses), "pause of the ledger", on, f"{off} 2>/dev/null; true")]


def kill(node: str, addresses: Mapping[str, str]) -> list[Fault]:
    """Return a ledger that is killed; systemd starts it again."""
    return [Fault(_known(node, addresses), "kill of the ledger", f"systemctl kill --signal=KILL {_UNIT}", "")]


def fill(node: str, path: str, addresses: Mapping[str, str]) -> list[Fault]:
    """Return a filesystem without a free byte: the one that holds a folder of the host."""
    if not path.startswith("/"):
        raise InputError("is not an absolute path", where=path, allowed="a folder of the host, such as /var/log/ledger")
    folder, file = shlex.quote(path), shlex.quote(f"{path.rstrip('/')}/.nodeops-lab-fault")
    # The rest of a container's files lie on the machine's own disk.
    where = f"$(df --output=source {folder} | tail -1)"
    own = f"case {where} in /dev/loop*) ;; *) echo {folder} has no filesystem of its own; exit 1;; esac"
    # fallocate takes what is free at once; what it leaves, because others wrote meanwhile, goes block by block.
    most = f"fallocate --length $(df --output=avail -B1 {folder} | tail -1) {file}"
    rest = f"dd if=/dev/zero of={file} bs=4K oflag=append conv=notrunc status=none 2>/dev/null"
    on = f"{own}; {most}; {rest}; true"
    return [Fault(_known(node, addresses), f"full disk at {path}", on, f"rm -f {file}")]


def clear_script() -> str:
    """Return what ends every fault of a host now, and names each: the way back is run, and removes itself."""
    one = "name=$(basename $file .sh); systemctl stop $name.timer 2>/dev/null; sh $file; echo $name"
    return f"for file in /run/{PREFIX}*.sh; do if [ -e $file ]; then {one}; fi; done"


def _dropping(node: str, what: str, rules: Mapping[str, str]) -> Fault:
    # One table for each kind: a host can be cut off from one and lose packets of all.
    table = "nodeops_lab_" + what.split()[0]
    return Fault(node, what, _nft("inet", table, rules.items()), f"nft delete table inet {table} 2>/dev/null; true")


def _nft(family: str, table: str, rules: Iterable[tuple[str, str]]) -> str:
    lines = [f"add table {family} {table}"]
    for hook, rule in rules:
        lines += [
            _CHAIN.format(family=family, table=table, hook=hook, priority=_PRIORITY),
            f"add rule {family} {table} {hook} {rule}",
        ]
    return f"nft {shlex.quote('; '.join(lines))}"


def _to_and_from(address: str) -> dict[str, str]:
    family = _family(address)
    return {"prerouting": f"{family} saddr {address} drop", "output": f"{family} daddr {address} drop"}


def _known(node: str, addresses: Mapping[str, str]) -> str:
    _one(addresses, node)
    return node


def _one(addresses: Mapping[str, str], node: str) -> str:
    if node not in addresses:
        raise InputError(f"no such host: {node}", allowed=", ".join(sorted(addresses)))
    return _address(addresses[node])


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _family(address: str) -> str:
    return "ip6" if ipaddress.ip_address(address).version == 6 else "ip"
