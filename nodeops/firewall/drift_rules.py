"""Do the document, the file that is loaded at boot and the rules that are loaded now say the same? Pure."""

import difflib
from dataclasses import dataclass

from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change

_FEW_LINES = 12


@dataclass(frozen=True)
class Seen:
    """What was observed. `wanted` and `live` as nft lists them; `script` what the document asks to be loaded at boot.

    `live` and `confirmed` are None when there is none; `watched` tells whether rules that vanish are loaded again;
    `trial_seconds` is the time left of a trial, None without one.
    """

    wanted: str
    script: str
    live: str | None
    confirmed: str | None
    enabled: bool
    watched: bool = True
    trial_seconds: float | None = None

    @property
    def differs(self) -> bool:
        """Tell whether anything is to be done."""
        return self.live != self.wanted or self.confirmed != self.script or not self.kept

    @property
    def kept(self) -> bool:
        """Tell whether the rules come at boot, and again when something takes them away."""
        return self.enabled and self.watched


def findings(seen: Seen) -> list[Finding]:
    """Return what is judged of a host's firewall."""
    return [_live(seen), _file(seen), _unit(seen), _trial(seen)]


def state(seen: Seen) -> str:
    """Return the firewall in a word or two: off, on trial, drift, on."""
    if seen.live is None:
        return "off"
    if seen.trial_seconds is not None:
        return "on trial"
    return "drift" if seen.differs else "on"


def _judged(name: str, good: bool, expected: str, actual: str) -> Finding:
    hint = "" if good else "nodeops firewall apply, or playbooks/firewall.yml from the controller"
    return Finding(name, Verdict.PASS if good else Verdict.FAIL, expected, actual, hint)


def _live(seen: Seen) -> Finding:
    expected = "the rules that are loaded follow from the node document"
    if seen.live is None:
        return _judged("firewall.live", False, expected, "no rules of ours are loaded")
    lines = difference(seen.live, seen.wanted)
    return _judged("firewall.live", not lines, expected, _shown(lines) if lines else "they do")


def _file(seen: Seen) -> Finding:
    expected = "the rules that are loaded at boot follow from the node document"
    if seen.confirmed is None:
        return _judged("firewall.file", False, expected, "no rules were ever confirmed")
    lines = difference(seen.confirmed, seen.script)
    return _judged("firewall.file", not lines, expected, _shown(lines) if lines else "they do")


def _unit(seen: Seen) -> Finding:
    expected = "the rules come at boot, and are loaded again when they vanish"
    actual = "not enabled" if not seen.enabled else "enabled" if seen.watched else "nodeops-firewall-watch.timer does not run"
    return _judged("firewall.unit", seen.kept, expected, actual)


def _trial(seen: Seen) -> Finding:
    if seen.trial_seconds is None:
        return Finding("firewall.trial", Verdict.PASS, "no change waits for its confirmation", "none does")
    actual = f"a change undoes itself in {seen.trial_seconds:.0f} s"
    hint = "nodeops firewall confirm TOKEN over a new SSH connection, or nodeops firewall rollback"
    return Finding("firewall.trial", Verdict.WARN, "no change waits for its confirmation", actual, hint)


def difference(old: str, new: str) -> list[str]:
    """Return the lines that only one of two texts has: '-' what is there, '+' what is wanted."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return [f"{line[0]} {line[1:].strip()}" for line in list(lines)[2:] if line[0] in "+-"]


def _shown(lines: list[str]) -> str:
    more = f"\n  and {len(lines) - _FEW_LINES} more lines" if len(lines) > _FEW_LINES else ""
    return "\n  ".join(["they do not:", *lines[:_FEW_LINES]]) + more


def changes(seen: Seen) -> list[Change]:
    """Return what an apply does, in order."""
    found = []
    if seen.live != seen.wanted:
        found.append(Change("table inet nodeops", "as the node document asks", seen.live or "", seen.wanted))
    if seen.confirmed != seen.script:
        found.append(Change("rules at boot", "written once they are confirmed", seen.confirmed or "", seen.script))
    if not seen.kept:
        found.append(Change("nodeops-firewall.service", "loads the rules at boot and when they vanish", "disabled", "enabled"))
    return found
