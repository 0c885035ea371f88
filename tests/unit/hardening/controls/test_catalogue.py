"""The controls as data: whole, unique, explained, and applicable by facts that are known."""

import re
from datetime import date

import pytest

from nodeops.document.patch_windows import Blackout, Patching
from nodeops.hardening.audit.checks import CHECKS
from nodeops.hardening.audit.view import explanation
from nodeops.hardening.controls import settings
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.values import expanded
from tests.unit.hardening.samples import LOG_HOST, document, facts

CONTROLS = list(catalogue().values())
TOPICS = {
    *("ssh", "accounts", "pam", "sudo", "banners", "files", "logging", "cron", "time", "sysctl-kernel", "sysctl-network"),
    *("modules", "mounts", "services", "packages", "apt", "audit-rules", "core-dumps", "boot", "units"),
}
# Numbers as CIS, ANSSI and Lynis write them.
NUMBERS = {"cis12": r"\d(\.\d+){1,5}", "cis13": r"\d(\.\d+){1,5}", "anssi": r"R\d{1,2}", "lynis": r"[A-Z]{3,4}-\d{4}"}


def test_every_topic_is_there():
    assert {control.topic for control in CONTROLS} == TOPICS


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_a_control_is_whole(control):
    facts().hold(control.applies_when)
    for name, pattern in NUMBERS.items():
        assert all(re.fullmatch(pattern, number) for number in getattr(control.references, name))
    for setting in control.sets:
        assert setting.kind != "check" or setting.name in CHECKS
    assert len(explanation(control)) >= 7


def test_the_ledger_is_never_touched():
    for control in CONTROLS:
        for setting in expanded(control, document()).sets:
            if isinstance(setting, settings.Unit | settings.Service):
                assert setting.unit != "ledger.service"
            path = getattr(setting, "path", "/etc")
            assert not path.startswith(("/var/lib/ledger", "/opt/ledger", "/etc/nodeops/", "/opt/nodeops", "/var/lib/nodeops"))


def test_nothing_restarts_the_ledger_after_a_patch():
    (setting,) = expanded(catalogue()["apt.needrestart"], document()).sets
    assert any("^ledger.service" in line for line in setting.lines)


PATCHING = {
    "nothing agreed": (Patching(), "1"),
    "windows": (Patching(windows=["Sat 01:00-05:00"]), "0"),
    "blackouts": (Patching(blackouts=[Blackout(first=date(2026, 12, 20), last=date(2026, 12, 27), why="year's end")]), "0"),
}


@pytest.mark.parametrize(("patching", "wanted"), PATCHING.values(), ids=PATCHING)
def test_debian_patches_by_itself_only_where_no_windows_are_agreed_on(patching, wanted):
    node = document()
    own = node.organisations[node.node.organisation].model_copy(update={"patching": patching})
    node = node.model_copy(update={"organisations": {**node.organisations, node.node.organisation: own}})
    _, lines = expanded(catalogue()["apt.unattended"], node).sets
    assert f'APT::Periodic::Unattended-Upgrade "{wanted}";' in lines.lines


def test_no_placeholder_is_left():
    for control in CONTROLS:
        assert not re.search(
            r"\{[a-z_]+\}",
            expanded(control, document())
            .model_dump_json()
            .replace("{restart}", "")
            .replace("{kernelhints}", "")
            .replace("{override_rc}", ""),
        )


def test_a_log_host_is_sent_to_within_bounds_and_known_by_its_name():
    chosen = document(log_host={**LOG_HOST, "queue_bytes": 4 << 20})
    (lines,) = [one for one in expanded(catalogue()["logging.forwarding"], chosen).sets if isinstance(one, settings.Lines)]
    text = "\n".join(lines.lines)
    assert 'target="192.0.2.40" port="6514" protocol="tcp"' in text
    assert 'StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="logs"' in text
    assert 'queue.maxDiskSpace="4194304" queue.timeoutEnqueue="0"' in text
    (receiver,) = expanded(catalogue()["logging.log-host"], chosen).sets
    assert (receiver.address, receiver.port, receiver.name) == ("192.0.2.40", "6514", "logs")


@pytest.mark.parametrize(
    ("names", "holds"),
    [
        ([], True),
        (["debian12"], True),
        (["not:debian12"], False),
        (["installed:cron", "unit:cron.service"], True),
        (["not:installed:cron"], False),
        (["unit:ssh.service"], False),
    ],
)
def test_facts(names, holds):
    assert facts("debian12", packages=("cron",), units=("cron.service",)).hold(names) is holds


def test_an_unknown_fact_is_an_error():
    with pytest.raises(KeyError):
        facts().hold(["no-such-fact"])
