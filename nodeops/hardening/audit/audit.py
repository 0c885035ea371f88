"""Audit a host: every control of the catalogue gets a verdict. Changes nothing."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from nodeops.core.errors import InputError
from nodeops.core.finding import Verdict
from nodeops.document.models import HostDocument, Waiver
from nodeops.hardening.audit.fact import Fact
from nodeops.hardening.audit.judge import judge
from nodeops.hardening.audit.judge_sshd import sshd_line
from nodeops.hardening.audit.observe import Host
from nodeops.hardening.audit.report import Judged, Report
from nodeops.hardening.controls.catalogue import Control, catalogue
from nodeops.hardening.controls.facts import Facts
from nodeops.hardening.controls.settings import JUDGED_ONLY, Service, Sshd
from nodeops.hardening.controls.values import expanded, is_about_ledgers


def named_controls(names: Sequence[str]) -> dict[str, Control]:
    """Return the controls of these ids, all when none is named. Raise InputError for an unknown one."""
    unknown = [name for name in names if name not in catalogue()]
    if unknown:
        hint = "nodeops hardening list shows all controls"
        raise InputError(f"unknown control '{unknown[0]}'", where="nodeops hardening", allowed=", ".join(catalogue()), hint=hint)
    return {name: catalogue()[name] for name in names or catalogue()}


def today() -> date:
    """Return the date that decides whether a waiver still holds."""
    return datetime.now(UTC).date()


def waiver_of(document: HostDocument, control: str) -> Waiver | None:
    """Return the waiver of a control on this node that holds longest."""
    found = [waiver for waiver in document.waivers if waiver.control == control]
    return max(found, key=lambda waiver: waiver.expires, default=None)


def applied_controls(document: HostDocument, facts: Facts) -> list[Control]:
    """Return the controls that are applied to a host: those that fit it, without waived ones, whose waiver may have expired."""
    known = as_chosen(document, facts)
    chosen = [control for control in catalogue().values() if known.hold(control.applies_when)]
    return [expanded(control, document) for control in chosen if waiver_of(document, control.id) is None]


def as_chosen(document: HostDocument, facts: Facts) -> Facts:
    """Return facts as the organisation wants them to count: with `forwarding: never` nothing needs the host to forward, and
    `log_host` tells whether it named one. Only a node has the certificate with which logs are sent."""
    choices = document.limits.hardening
    forwards = facts.flags["forwards"] and choices.forwarding != "never"
    return replace(
        facts, flags={**facts.flags, "forwards": forwards, "log_host": choices.log_host is not None and document.kind == "node"}
    )


def forwarding_notes(document: HostDocument, facts: Facts) -> list[str]:
    """Return a line on what needs this host to forward packets, and what is done about it; none where nothing does."""
    if not facts.forwarders:
        return []
    if document.limits.hardening.forwarding == "never":
        return [f"forwarding is switched off, as hardening.forwarding says (never); it cuts off {', '.join(facts.forwarders)}"]
    return [f"forwarding is left on: {', '.join(facts.forwarders)} needs it; hardening.forwarding: never switches it off"]


def audit(document: HostDocument, only: Sequence[str] = ()) -> Report:
    """Return the report of this host. Raise InputError for an unknown control."""
    host, controls = Host(), [expanded(control, document) for control in named_controls(only).values()]
    settings = [one for control in controls for one in control.sets]
    host.ask_sshd([sshd_line(one) for one in settings if isinstance(one, Sshd)])
    host.ask_units([one.unit for one in settings if isinstance(one, Service)])
    judged = [_judged(document, host, control) for control in controls]
    return Report(
        node=document.own.name,
        organisation=document.own.organisation,
        release=host.facts.release,
        at=time.time(),
        facts=dict(host.facts.flags),
        judged=judged,
        kind=document.kind,
    )


def _judged(document: HostDocument, host: Host, control: Control) -> Judged:
    waiver = waiver_of(document, control.id)
    if not as_chosen(document, host.facts).hold(control.applies_when):
        return Judged(control, Verdict.NOT_APPLICABLE, control.title, _why_not(document, control), waiver=waiver)
    if waiver is not None:
        return _waived(control, waiver)
    facts = judge(host, control)
    if not facts:
        ledger = document.kind != "node" and is_about_ledgers(catalogue()[control.id])
        actual = "it is about the ledger, and this host runs none" if ledger else "what it is about is not on this host"
        return Judged(control, Verdict.NOT_APPLICABLE, control.title, actual)
    return _verdict(control, facts)


def _why_not(document: HostDocument, control: Control) -> str:
    if "log_host" in control.applies_when and document.limits.hardening.log_host is None:
        return "not chosen: neither log_host nor log_hosts of hardening names one for this host"
    return f"only where: {', '.join(control.applies_when)}"


def _waived(control: Control, waiver: Waiver) -> Judged:
    said = f"waived by {waiver.owner} until {waiver.expires}: {waiver.reason}"
    if waiver.expires >= today():
        return Judged(control, Verdict.WAIVED, control.title, said, waiver=waiver)
    hint = f"{waiver.owner} renews the waiver or removes it from waivers.yml, so that the control is applied"
    said = f"the waiver of {waiver.owner} expired on {waiver.expires}: {waiver.reason}"
    return Judged(control, Verdict.FAIL, control.title, said, hint, waiver)


def _verdict(control: Control, facts: Sequence[Fact]) -> Judged:
    wrong = [fact for fact in facts if fact.good is False]
    if wrong:
        # What many settings have in common is said once.
        actual = "; ".join(dict.fromkeys(f"{fact.expected}: {fact.actual}" for fact in wrong))
        return Judged(control, Verdict.FAIL, control.title, actual, _hint(control))
    hidden = [fact for fact in facts if fact.good is None]
    if hidden:
        text = f"written; a container does not show whether it is in force ({hidden[0].expected})"
        return Judged(control, Verdict.NOT_TESTABLE_HERE, control.title, text)
    return Judged(control, Verdict.PASS, control.title, f"{len(facts)} settings as they should be")


def _hint(control: Control) -> str:
    by_hand = [setting.hint for setting in control.sets if isinstance(setting, JUDGED_ONLY)]
    return by_hand[0] if by_hand else f"nodeops hardening apply; nodeops hardening explain {control.id} says why"
