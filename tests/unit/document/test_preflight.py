"""Judging a host before anything is changed on it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nodeops.core.finding import Finding, Verdict
from nodeops.document.facts import HostFacts
from nodeops.document.models import Consortium, NodeDocument
from nodeops.document.preflight import judge_host, release_support
from nodeops.document.resolve import resolve

NOW = 1_800_000_000.0
GIB = 1 << 30


def document(**choices: object) -> NodeDocument:
    consortium = Consortium.model_validate(
        {
            "consortium": "test",
            "revision": 1,
            "ledger": {"platform": "cometbft", "version": "v0.38.21", "chain": "test-1"},
            "organisations": {"org": {}},
            "nodes": {"n1": {"organisation": "org", "duty": "validator", "address": "10.0.0.1"}},
        }
    )
    return resolve(consortium, "n1", {"firewall": {"operators": ["192.0.2.0/24"]}, **choices})


PLAN = document().ledger
PATHS = (PLAN.paths["data"], PLAN.paths["log_directory"], "/")


def disk(path: str, free: int = 20 * GIB, total: int = 100 * GIB, inodes: int | None = 1_000_000) -> dict[str, object]:
    return {"path": path, "free_bytes": free, "total_bytes": total, "free_inodes": inodes}


def facts(**changes: object) -> HostFacts:
    good = {
        "os": {"id": "debian", "version_id": "12"},
        "architecture": "x86_64",
        "python": "3.11",
        "systemd": True,
        "time": NOW,
        "time_synchronised": True,
        "virtualization": "none",
        "filesystems": [disk(path) for path in PATHS],
        "listening": [],
        "packages_missing": [],
    }
    return HostFacts.model_validate({**good, **changes})


def judged(observed: HostFacts, clock: object = NOW, **choices: object) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge_host(document(**choices), observed, clock)}


def not_passed(findings: dict[str, Finding]) -> dict[str, Verdict]:
    return {name: finding.verdict for name, finding in findings.items() if finding.verdict is not Verdict.PASS}


@pytest.mark.parametrize(("version", "python"), [("12", "3.11"), ("13", "3.13")])
def test_a_good_host_passes(version, python):
    assert not_passed(judged(facts(os={"id": "debian", "version_id": version}, python=python))) == {}


def listener(port: int, address: str = "0.0.0.0", process: str | None = "nginx", unit: str | None = "nginx.service"):
    return {"port": port, "address": address, "process": process, "unit": unit}


RPC, P2P = PLAN.ports["rpc"].port, PLAN.ports["p2p"].port
REFUSED = {
    "release": ({"os": {"id": "ubuntu", "version_id": "24.04"}}, "os-release", "ubuntu 24.04"),
    "old release": ({"os": {"id": "debian", "version_id": "11"}, "python": "3.9"}, "os-release", "debian 11"),
    "no release": ({"os": {}}, "os-release", "unknown"),
    "python": ({"python": "3.12"}, "python", "Python 3.12"),
    "other's python": ({"os": {"id": "debian", "version_id": "13"}}, "python", "Python 3.11"),
    "architecture": ({"architecture": "riscv64"}, "architecture", "riscv64"),
    "systemd": ({"systemd": False}, "systemd", "does not run"),
    "disk full": (
        {"filesystems": [disk(PATHS[0], free=GIB // 2), *map(disk, PATHS[1:])]},
        f"disk:{PATHS[0]}",
        "512 MiB free of 100 GiB",
    ),
    "disk small": (
        {"filesystems": [*map(disk, PATHS[:1]), disk(PATHS[1], 1000, 2000)]},
        f"disk:{PATHS[1]}",
        "1000 B free of 2.0 KiB",
    ),
    "inodes": ({"filesystems": [disk(PATHS[0], inodes=9_999), disk(PATHS[1])]}, f"inodes:{PATHS[0]}", "9999 free inodes"),
    "p2p": ({"listening": [listener(P2P, "10.0.0.1")]}, "port:p2p", "10.0.0.1:26656 is held by nginx of nginx.service"),
    "rpc, everywhere": ({"listening": [listener(RPC)]}, "port:rpc", "0.0.0.0:26657 is held by nginx"),
    "rpc, IPv6": ({"listening": [listener(RPC, "::")]}, "port:rpc", "[::]:26657 is held by nginx"),
    "rpc, mapped": ({"listening": [listener(RPC, "::ffff:127.0.0.1")]}, "port:rpc", "[::ffff:127.0.0.1]:26657"),
    "by hand": (
        {"listening": [listener(RPC, "127.0.0.1", "cometbft", "session-3.scope")]},
        "port:rpc",
        "cometbft of session-3.scope",
    ),
    "unseen": ({"listening": [listener(RPC, "127.0.0.1", None, None)]}, "port:rpc", "a process that could not be seen"),
    "odd address": ({"listening": [listener(RPC, "not an address")]}, "port:rpc", "held by nginx"),
    "clock ahead": ({"time": NOW + 180}, "clock", "180.0 s ahead"),
    "clock behind": ({"time": NOW - 5.5}, "clock", "5.5 s behind"),
    "clock of another age": ({"time": 1e300}, "clock", "since 1970"),
}


@pytest.mark.parametrize(("changes", "name", "said"), REFUSED.values(), ids=REFUSED)
def test_a_host_that_cannot_carry_a_node_fails_and_is_told_what_to_do(changes, name, said):
    findings = judged(facts(**changes))
    assert findings[name].verdict is Verdict.FAIL
    assert said in findings[name].actual
    assert findings[name].hint
    assert [key for key, verdict in not_passed(findings).items() if verdict is Verdict.FAIL] == [name]


ACCEPTED = {
    "our own ledger": {"listening": [listener(port.port, port.bind, "cometbft", PLAN.unit) for port in PLAN.ports.values()]},
    "another address": {"listening": [listener(RPC, "10.0.0.1"), listener(RPC, "::1")]},
    "another port": {"listening": [listener(22), listener(9100)]},
    "no inode count": {"filesystems": [disk(path, inodes=None) for path in PATHS]},
    "just enough": {"filesystems": [disk(path, free=GIB, inodes=10_000) for path in PATHS]},
    "clock just right": {"time": NOW + 5.0},
    "a key of a later version": {"kernel": "6.12"},
}


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
def test_what_does_no_harm_passes(changes):
    assert not_passed(judged(facts(**changes))) == {}


def test_both_clocks_are_said():
    said = judged(facts(time=NOW + 180))["clock"].actual
    assert said == "host 2027-01-15 08:03:00 UTC, controller 2027-01-15 08:00:00 UTC: 180.0 s ahead"


@pytest.mark.parametrize(
    ("host", "verdict"),
    [
        (NOW - 5.1, Verdict.FAIL),
        (NOW - 5, Verdict.PASS),
        (NOW + 20, Verdict.PASS),
        (NOW + 65, Verdict.PASS),
        (NOW + 65.1, Verdict.FAIL),
    ],
)
def test_the_time_a_request_took_is_not_an_error_of_the_clock(host, verdict):
    finding = judged(facts(time=host), [NOW, NOW + 60])["clock"]
    assert finding.verdict is verdict
    assert "asked within 60.0 s" in finding.actual


def test_choices_move_the_limits():
    assert judged(facts(time=NOW + 9), max_clock_skew_seconds=10.0)["clock"].verdict is Verdict.PASS
    assert judged(facts(), min_free_bytes=21 * GIB)[f"disk:{PATHS[0]}"].verdict is Verdict.FAIL


SYNCHRONISATION = [
    (True, "none", Verdict.PASS),
    (True, "docker", Verdict.PASS),
    (False, "docker", Verdict.NOT_TESTABLE_HERE),
    (None, "docker", Verdict.NOT_TESTABLE_HERE),
    (None, "lxc", Verdict.NOT_TESTABLE_HERE),
    (False, "kvm", Verdict.WARN),
    (None, "none", Verdict.WARN),
]


@pytest.mark.parametrize(("synchronised", "machine", "verdict"), SYNCHRONISATION)
def test_synchronisation(synchronised, machine, verdict):
    found = judged(facts(time_synchronised=synchronised, virtualization=machine))["clock-synchronised"]
    assert found.verdict is verdict


def test_what_the_roles_will_do_is_a_warning():
    assert not_passed(judged(facts(packages_missing=["sudo"]))) == {"packages": Verdict.WARN}


@pytest.mark.parametrize("own", [{"log_bytes": 256 << 20}, {"log_device": "/dev/vdb"}], ids=str)
def test_a_log_with_a_filesystem_of_its_own_is_left_to_its_guard(own):
    full = facts(filesystems=[disk(PATHS[0]), disk(PATHS[1], free=0, total=GIB // 4), disk(PATHS[2])])
    assert not_passed(judged(full, disk=own)) == {f"disk:{PATHS[1]}": Verdict.WARN}
    assert not_passed(judged(full)) == {f"disk:{PATHS[1]}": Verdict.FAIL}


def test_room_elsewhere_is_a_warning():
    findings = judged(facts(filesystems=[disk(PATHS[0]), disk(PATHS[1]), disk("/", free=1)]))
    assert not_passed(findings) == {"disk:/": Verdict.WARN}


def test_a_path_that_was_not_observed_is_unknown():
    assert not_passed(judged(facts(filesystems=[disk(PATHS[0])]))) == {f"disk:{PATHS[1]}": Verdict.UNKNOWN}


@pytest.mark.parametrize(
    "change",
    [
        {"time": "now"},
        {"time": float("nan")},
        {"time": float("inf")},
        {"filesystems": [disk("/", free=10**400)]},
        {"filesystems": [disk("/", inodes=-1)]},
        {"systemd": 1},
        {"architecture": "x" * 300},
        {"listening": [listener(70_000)]},
        {"filesystems": [disk("/", -1)]},
    ],
)
def test_facts_are_bounded(change):
    with pytest.raises(ValidationError):
        facts(**change)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=200))
def test_no_text_or_number_breaks_the_judge(text, number, address):
    observed = facts(
        os={"id": text, "version_id": text}, time=number, architecture=text, listening=[listener(RPC, address, text, text)]
    )
    assert judged(observed)["port:rpc"].verdict in (Verdict.PASS, Verdict.FAIL)


def test_every_law_has_a_reason():
    law = release_support()
    assert all(row.why for row in (*law.releases, *law.architectures, law.limits))


def test_a_host_without_operators_is_refused():
    findings = judged(facts(), firewall={"operators": []})
    assert not_passed(findings) == {"operators": Verdict.FAIL}
    assert "nodeops_choices" in findings["operators"].hint


@pytest.mark.parametrize(
    ("address", "port", "operators", "good"),
    [
        ("192.0.2.7", 22, ["192.0.2.0/24"], True),
        ("::ffff:192.0.2.7", 22, ["192.0.2.0/24"], True),
        ("2001:db8:5::7", 22, ["192.0.2.0/24", "2001:db8:5::/64"], True),
        ("203.0.113.7", 22, ["192.0.2.0/24"], False),
        ("2001:db8:6::7", 22, ["192.0.2.0/24", "2001:db8:5::/64"], False),
        ("192.0.2.7", 2222, ["192.0.2.0/24"], False),
        ("nonsense", 22, ["192.0.2.0/24"], False),
    ],
)
def test_a_controller_that_the_rules_would_shut_out_is_refused_before_anything_is_written(address, port, operators, good):
    found = judged(facts(login={"address": address, "port": port}), firewall={"operators": operators})["controller"]
    assert (found.verdict is Verdict.PASS) == good
    assert good or (address in found.actual and "operators" in found.hint)


def test_at_a_console_nobody_is_shut_out():
    assert "controller" not in judged(facts())
