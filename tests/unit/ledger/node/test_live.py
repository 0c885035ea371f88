"""Is what runs what is configured? The judge by tables, the observing part on real processes and files."""

import getpass
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeops import cli
from nodeops.core.finding import Finding, Verdict
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.host.process import process
from nodeops.host.units.unit_settings import moment
from nodeops.ledger.node.live import started_from
from nodeops.ledger.node.live_rules import Live, Running, judge_live, unbound
from tests.unit.ledger.made_keys import consortium_of

DOCUMENT: NodeDocument = resolve(consortium_of(a1=1), "a1", {})
PLAN = DOCUMENT.ledger
STARTED = 1_800_000_000.0
# Go binds 0.0.0.0 as ::.
SOCKETS = (("127.0.0.1", 26657), ("127.0.0.1", 26660), ("::", 26656))
RUNNING = Running(program=PLAN.paths["version_binary"], user=PLAN.user, listening=SOCKETS, started=STARTED)
LIVE = Live(
    state="active (running, result success)",
    needs_reload=False,
    stale=False,
    running=RUNNING,
    changed={PLAN.paths["config"]: STARTED - 0.001, PLAN.paths["genesis"]: STARTED},
    exposure=1.1,
)


def judged(live: Live) -> dict[str, Finding]:
    return {finding.id: finding for finding in judge_live(DOCUMENT, live)}


def not_passed(live: Live) -> dict[str, Verdict]:
    return {name: finding.verdict for name, finding in judged(live).items() if finding.verdict is not Verdict.PASS}


def test_a_ledger_that_runs_as_configured_passes():
    assert not_passed(LIVE) == {}


def with_running(**changes: object) -> Live:
    return replace(LIVE, running=replace(RUNNING, **changes))


def with_socket(address: str, port: int) -> Live:
    return with_running(listening=(*(entry for entry in SOCKETS if entry[1] != port), (address, port)))


FAILING = {
    "not running": (replace(LIVE, running=None, state="failed (failed, result exit-code)"), "unit", "failed"),
    "exposed": (replace(LIVE, exposure=1.6), "exposure", "1.6 of 10"),
    "another version": (with_running(program="/opt/ledger/v0.38.1/cometbft"), "binary", "v0.38.1"),
    "replaced binary": (with_running(program=f"{PLAN.paths['version_binary']} (deleted)"), "binary", "(deleted)"),
    "as root": (with_running(user="root"), "user", "root"),
    "older configuration": (replace(LIVE, stale=True), "configuration", "an older configuration runs"),
    "unit not read again": (replace(LIVE, needs_reload=True), "configuration", "not read the unit"),
    "newer genesis": (replace(LIVE, changed={PLAN.paths["genesis"]: STARTED + 0.001}), "unchanged", PLAN.paths["genesis"]),
    "no configuration": (replace(LIVE, changed={PLAN.paths["config"]: None}), f"unchanged:{PLAN.paths['config']}", "missing"),
    "RPC everywhere": (with_socket("::", 26657), "listen:rpc", "[::]:26657"),
    "RPC on the network": (with_socket("10.0.0.1", 26657), "listen:rpc", "10.0.0.1:26657"),
    "RPC on another loopback": (with_socket("127.0.0.2", 26657), "listen:rpc", "127.0.0.2:26657"),
    "metrics everywhere": (with_socket("0.0.0.0", 26660), "listen:metrics", "0.0.0.0:26660"),
    "p2p on loopback only": (with_socket("127.0.0.1", 26656), "listen:p2p", "127.0.0.1:26656"),
    "pprof": (with_running(listening=(*SOCKETS, ("127.0.0.1", 6060))), "listen:others", "127.0.0.1:6060"),
    "no p2p": (with_running(listening=SOCKETS[:2]), "listen:p2p", "nothing listens on 26656"),
}


@pytest.mark.parametrize(("live", "name", "said"), FAILING.values(), ids=FAILING)
def test_one_difference_is_one_failing_finding(live, name, said):
    assert not_passed(live) == {name: Verdict.FAIL}
    finding = judged(live)[name]
    assert said in finding.actual
    assert finding.hint


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "127.0.0.1"])
def test_spellings_of_the_same_address_are_one(address):
    assert not_passed(with_socket(address, 26657)) == {}


def test_a_local_port_must_be_on_loopback_even_if_the_document_says_otherwise():
    ports = {**PLAN.ports, "rpc": PLAN.ports["rpc"].model_copy(update={"bind": "0.0.0.0", "scope": "local"})}
    document = DOCUMENT.model_copy(update={"ledger": PLAN.model_copy(update={"ports": ports})})
    findings = {finding.id: finding.verdict for finding in judge_live(document, with_socket("::", 26657))}
    assert findings["listen:rpc"] is Verdict.FAIL


def test_an_unknown_start_is_unknown():
    assert not_passed(with_running(started=None)) == {"unchanged": Verdict.UNKNOWN}


def test_ports_that_are_not_open_yet_are_named():
    assert unbound(DOCUMENT, RUNNING) == []
    assert unbound(DOCUMENT, replace(RUNNING, listening=SOCKETS[1:])) == ["rpc"]
    assert unbound(DOCUMENT, replace(RUNNING, listening=())) == ["metrics", "p2p", "rpc"]


def test_every_file_that_is_read_at_the_start_is_looked_at():
    seen = started_from(DOCUMENT, (Path("/etc/systemd/system/ledger.service"),))
    names = ("config", "genesis", "node_key", "validator_key", "version_binary")
    assert {str(path) for path in seen} == {PLAN.paths[name] for name in names} | {"/etc/systemd/system/ledger.service"}


MOMENTS = {
    "Sat 2026-01-31 08:00:00.000001 UTC": 1769846400.000001,
    "Sat 2026-01-31 08:00:00 UTC": 1769846400.0,
    "Sat 2026-01-31 08:00:00 CET": None,
    "Sat 9999-99-99 08:00:00 UTC": None,
    "n/a": None,
    "": None,
}


@pytest.mark.parametrize(("text", "seconds"), MOMENTS.items())
def test_moments_of_systemd(text, seconds):
    assert moment(text) == seconds


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
def test_no_text_breaks_moments(text):
    assert moment(text) is None or isinstance(moment(text), float)


def test_a_real_process_shows_its_program_user_and_sockets():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.2", 0)) as two:
        found = process(os.getpid())
        assert found is not None
        assert {("127.0.0.1", one.getsockname()[1]), ("127.0.0.2", two.getsockname()[1])} <= set(found.listening)
        assert found.program == str(Path(sys.executable).resolve())
        assert found.user == getpass.getuser()


def test_a_process_that_has_ended_is_none():
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
        assert process(ended.pid) is None


def test_verify_is_for_root(monkeypatch, capsys):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as leaving:
        cli.main(["ledger", "verify"])
    assert leaving.value.code == 3
    assert "for root only" in capsys.readouterr().err
