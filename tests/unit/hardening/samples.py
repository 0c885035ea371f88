"""A node document, facts of a host, and small controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nodeops.core.finding import Verdict
from nodeops.document.models import Consortium, NodeDocument, Waiver
from nodeops.document.resolve import resolve
from nodeops.hardening.audit.report import Judged, Report
from nodeops.hardening.change.sight import SshdSite
from nodeops.hardening.controls.catalogue import Control
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.controls.settings import HostKey, Sshd
from nodeops.hardening.host.states import State

FLAGS = ("container", "debian12", "debian13", "ipv6", "forwards", "grub", "apparmor", "log_host", "usb_in_use")


LOG_HOST = {
    "address": "192.0.2.40",
    "name": "logs",
    "authority": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
}


def document(*waivers: Waiver, **hardening: Any) -> NodeDocument:
    """Return the document of a node with waivers, and with what its organisation chose about hardening."""
    member = {"organisation": "a", "duty": "validator", "power": 1, "address": "10.0.0.1"}
    consortium = Consortium.model_validate(
        {
            "consortium": "test",
            "revision": 1,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "test-1"},
            "organisations": {"a": {}},
            "nodes": {"a-1": member},
        }
    )
    choices = {"firewall": {"operators": ["192.0.2.0/24", "2001:db8::/64"]}, "hardening": hardening}
    return resolve(consortium, "a-1", choices, waivers)


def facts(*true: str, packages: tuple[str, ...] = (), units: tuple[str, ...] = ()) -> Facts:
    """Return facts of which only those named are true."""
    return Facts("debian 12", {name: name in true for name in FLAGS}, frozenset(packages), frozenset(units))


def control(name: str = "test.one", sets: list[dict[str, Any]] | None = None, **others: Any) -> Control:
    """Return a control that sets what is said."""
    texts = {"id": name, "title": "a title", "why": "a reason", "severity": "low", "breaks": "nothing known"}
    rows = sets or [{"kind": "sshd", "key": "X11Forwarding", "value": "no"}]
    return Control.model_validate({**texts, "sets": rows, **others})


def report(*judged: Judged) -> Report:
    """Return a report of one host."""
    return Report("a-1", "a", "debian 12", 1_700_000_000.0, {"container": True}, judged)


def judged(verdict: Verdict, name: str = "test.one", waiver: Waiver | None = None) -> Judged:
    """Return a control with a verdict."""
    return Judged(control(name), verdict, "a title", "found | this\n<b>", waiver=waiver)


@dataclass
class Sight:
    """A made-up host, with the interfaces eth0 and lo."""

    can_set: bool = True
    states: Mapping[str, State] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    sshd: SshdSite = field(default_factory=SshdSite)

    def look(self, key: str) -> State:
        return self.states.get(key)

    def host_key(self, setting: HostKey) -> dict[str, State]:
        return {}

    def matching(self, pattern: str) -> list[str]:
        return [pattern]

    def settable(self, key: str) -> list[str]:
        names = ("eth0", "lo") if "*" in key else ("",)
        return [key.replace("*", name) for name in names] if self.can_set else []

    def chosen_sysctl(self, key: str) -> str | None:
        return self.chosen.get(key)

    def sshd_site(self, wanted: Sequence[Sshd]) -> SshdSite:
        return self.sshd

    def enabled(self, profiles: Sequence[str]) -> list[str]:
        return list(profiles)

    def is_folder(self, path: str) -> bool:
        return True

    def is_current(self, unit: str, path: str) -> bool:
        return True
