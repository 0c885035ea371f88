"""Taking back what a program computed that is not the chain's: by which words, and that nothing starts what is half-written."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nodeops.core.errors import HostError, InputError, NodeopsError, Refused, Timeout
from nodeops.document.load import load_consortium
from nodeops.document.models import NodeDocument
from nodeops.document.resolve import resolve
from nodeops.host.units import systemd, undo_timer
from nodeops.host.units.service import Observed
from nodeops.ledger.node import hold, service_cli
from nodeops.ledger.node.rejoin import Part
from nodeops.lifecycle import cli, recompute
from nodeops.quorum.policy import Passage
from tests.contract.rules.tree import ROOT

UNIT = systemd.Unit(recompute.UNIT, True, False, "inactive (dead, result success)", False, False, 0, 0)
TEMPLATE = Path(ROOT) / "roles/ledger/templates/etc/systemd/system/ledger.service.j2"
DONE = ["cleared", "armed", "stop, held", "rollback --home /var/lib/ledger", "cleared"]


class Host:
    """A node of ledgerd; what was done is noted in order. What follows a unit of one shot is done only if that went well."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.ends: BaseException | None = None
        self.blocks = True
        self.states = ["inactive (dead, result success)"]
        self.document: NodeDocument = resolve(load_consortium(Path(ROOT) / "inventories/lab"), "cu-1", {})

    def run(self, words: list[str], **_: object) -> None:
        if words[0] == "systemctl":
            return
        assert self.held
        self.words = words
        self.done.append(" ".join(words[words.index(self.document.ledger.paths["binary"]) + 1 :]))
        if self.ends:
            raise self.ends
        self.ended_well()

    def ended_well(self) -> None:
        hold.held_by(self.document).unlink()

    @property
    def held(self) -> bool:
        return hold.held(self.document)

    def systemctl(self, action: str, *_: str) -> None:
        self.done.append(f"{action}, held" if self.held else action)

    def unit(self, _: str) -> systemd.Unit:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return replace(UNIT, state=state)

    def take_back(self) -> None:
        recompute.take_back(self.document, lambda _: None)

    def other(self, platform: str) -> NodeDocument:
        return self.document.model_copy(update={"ledger": self.document.ledger.model_copy(update={"platform": platform})})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    made.document = made.document.model_copy(update={"paths": {**made.document.paths, "ledger_held": str(tmp_path / "held")}})
    monkeypatch.setattr(recompute, "run", made.run)
    monkeypatch.setattr(recompute, "_LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(systemd, "systemctl", made.systemctl)
    monkeypatch.setattr(systemd, "unit", made.unit)
    monkeypatch.setattr(undo_timer, "clear", lambda _: made.done.append("cleared"))
    monkeypatch.setattr(undo_timer, "arm", lambda *_: made.done.append("armed"))
    monkeypatch.setattr(recompute, "part_taken", lambda _: None)
    monkeypatch.setattr(recompute, "outvoted", lambda _: False)
    monkeypatch.setattr(hold, "has_blocks", lambda _: made.blocks)
    return made


def test_the_program_takes_it_back_while_the_ledger_is_stopped(host: Host) -> None:
    host.take_back()
    assert host.done == DONE
    assert not host.held


def test_it_is_a_unit_of_its_own_that_nobody_waits_for_and_that_ends(host: Host) -> None:
    """Then it outlives whoever asked for it; only when it left with 0 does it let the ledger go."""
    host.take_back()
    assert not {"--pipe", "--wait", "--collect", "--scope"} & set(host.words)
    file = hold.held_by(host.document)
    for wanted in (f"--unit={recompute.UNIT}", "--property=User=ledger", "--property=Type=oneshot"):
        assert wanted in host.words
    assert f"--property=ExecStartPost=+/usr/bin/rm -f {file}" in host.words
    assert f"--property=TimeoutStartSec={4 * 3600}" in host.words


def test_it_is_shut_in_as_the_ledger_is() -> None:
    """By every line of the ledger's unit below the rights of new files. Instead of the internet there is no network at all."""
    lines = TEMPLATE.read_text().partition("StandardError=inherit")[2].partition("[Install]")[0].splitlines()
    shut = {line for line in lines if line and not line.startswith(("#", "ReadWritePaths=", "RestrictAddressFamilies="))}
    assert len(shut) > 25
    assert shut - set(recompute.SANDBOX) == set()
    assert "PrivateNetwork=yes" in recompute.SANDBOX


def killed(_: Host) -> BaseException:
    return KeyboardInterrupt()


def failed(_: Host) -> BaseException:
    return HostError("left with code 1: resource temporarily unavailable", where="systemd-run")


def goes_on(_: Host) -> BaseException:
    return Timeout("did not finish within 900 s", where="systemd-run")


# What ends it; what it raises; whether a timer still starts the ledger once it is let go.
ENDS = {
    "killed": (killed, KeyboardInterrupt, "^$", True),
    "the program cannot": (failed, HostError, "stays stopped, its state could not be taken back: left with code 1", False),
    "it takes too long": (goes_on, Timeout, "and goes on; ledger.service is started after it", True),
}


@pytest.mark.parametrize(("end", "error", "says", "armed"), ENDS.values(), ids=ENDS)
def test_what_did_not_end_well_stays_stopped_and_is_gone_on_with(
    host: Host, end: Callable[[Host], BaseException], error: type[BaseException], says: str, armed: bool
) -> None:
    host.ends = end(host)
    with pytest.raises(error, match=says):
        host.take_back()
    assert not {"start", "start, held"} & set(host.done)
    assert (host.done[-1] != "cleared") is armed
    assert host.held
    assert recompute.needed(host.document)
    with pytest.raises(Refused, match="has not ended well") as caught:
        hold.free(host.document)
    assert "nodeops lifecycle restart" in caught.value.hint
    host.ends, host.done = None, []
    host.take_back()
    assert host.done == DONE
    assert not host.held
    hold.free(host.document)


def test_systemd_itself_starts_nothing_that_is_held(host: Host) -> None:
    """Also no timer, and no boot: the file stands where a boot finds it. That it is gone is all that lets the ledger go."""
    hold.hold(host.document)
    file = hold.held_by(host.document)
    (asserts,) = [line for line in TEMPLATE.read_text().splitlines() if line.startswith("Assert")]
    words = ["systemd-analyze", "condition", asserts.replace("{{ node_document.paths.ledger_held }}", str(file))]
    assert subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == 1
    file.unlink()
    assert subprocess.run(words, capture_output=True, timeout=20, check=False).returncode == 0


def test_a_run_that_restarts_only_what_is_stale_goes_on_with_it_too(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So playbooks/restart.yml finds the node; what is not held is left alone."""
    stopped = Observed(replace(UNIT, name="ledger.service"), "", "a" * 64)
    monkeypatch.setattr(cli, "load_node_document", lambda: host.document)
    monkeypatch.setattr(cli, "observe", lambda _: stopped)
    monkeypatch.setattr(cli, "look", lambda *_: Passage("open", "it listens nowhere"))
    for held, planned in ((False, []), (True, ["recompute ledger.service", "restart ledger.service"])):
        if held:
            hold.hold(host.document)
        cli.restart.__wrapped__(if_stale=True, dry_run=True, as_json=True)  # type: ignore[attr-defined]
        assert [one["what"] for one in json.loads(capsys.readouterr().out)["changes"]] == planned


def test_what_another_run_began_is_waited_for_and_not_begun_twice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.states = ["activating (start, result success)"] * 3 + ["inactive (dead, result success)"]
    looks = list(host.states)

    def unit(name: str) -> systemd.Unit:
        looks.pop(0)
        if len(looks) == 0:
            host.ended_well()
        return host.unit(name)

    monkeypatch.setattr(systemd, "unit", unit)
    host.take_back()
    assert "rollback --home /var/lib/ledger" not in host.done


def test_what_another_run_began_and_failed_is_begun_again(host: Host) -> None:
    host.states = ["activating (start, result success)", "failed (failed, result exit-code)"]
    host.take_back()
    assert host.done == DONE


def test_what_another_run_began_is_waited_for_in_bounds(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.states = ["activating (start, result success)"]
    monkeypatch.setattr(recompute, "_SECONDS", 0.0)
    with pytest.raises(Timeout, match="goes on"):
        host.take_back()
    assert host.held


def test_the_ledger_is_not_started_by_its_verb_either(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    hold.hold(host.document)
    monkeypatch.setattr(service_cli, "load_node_document", lambda: host.document)
    monkeypatch.setattr(service_cli, "observe", lambda _: None)
    monkeypatch.setattr(service_cli, "plan_start", lambda _: ["start ledger.service"])
    with pytest.raises(Refused, match="has not ended well"):
        service_cli.start.__wrapped__(with_state=False, state_seconds=20, dry_run=False, as_json=False)  # type: ignore[attr-defined]


def test_a_ledger_that_fetches_its_chain_anew_is_let_go(host: Host) -> None:
    """Its databases were removed, so nothing is half-written, and nothing could be taken back."""
    hold.hold(host.document)
    host.blocks = False
    hold.free(host.document)
    assert not host.held


# Begun before; takes part; a quorum says that its state is another one.
NEEDED = {
    "begun and not ended": (True, None, False, True),
    "outvoted": (False, None, True, True),
    "takes part, whatever was said": (False, Part(7, votes=False), True, False),
    "nobody decided": (False, None, False, False),
}


@pytest.mark.parametrize(("begun", "part", "said", "needed"), NEEDED.values(), ids=NEEDED)
def test_when_a_state_is_taken_back_unasked(
    host: Host, monkeypatch: pytest.MonkeyPatch, begun: bool, part: Part | None, said: bool, needed: bool
) -> None:
    if begun:
        hold.hold(host.document)
    monkeypatch.setattr(recompute, "part_taken", lambda _: part)
    monkeypatch.setattr(recompute, "outvoted", lambda _: said)
    assert recompute.needed(host.document) is needed


def test_who_takes_part_has_the_state_of_the_chain(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    recompute.require_useful(host.document)
    monkeypatch.setattr(recompute, "part_taken", lambda _: Part(7, votes=False))
    with pytest.raises(Refused, match="its state is the chain's"):
        recompute.require_useful(host.document)
    hold.hold(host.document)
    recompute.require_useful(host.document)


def test_a_platform_that_cannot_says_so(host: Host) -> None:
    with pytest.raises(InputError, match="cannot take the state of a block back"):
        recompute.require_useful(host.other("cometbft"))


class Answering:
    """A ledger at height 7 whose peers claim heights."""

    height, voting_power = 7, 1

    def __init__(self, claims: dict[str, int]) -> None:
        self.claims = claims

    def status(self) -> "Answering":
        return self

    def peer_heights(self) -> dict[str, int]:
        return self.claims


def test_what_a_node_that_stands_is_to_do_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody else there, nobody could tell afterwards whether the chain stands."""
    for claims, part in (({"a": 9}, Part(7, votes=True, stood=True)), ({}, None)):
        monkeypatch.setattr(recompute, "driver_for", lambda _, claims=claims: Answering(claims))
        assert recompute.expected_part(host.document) == part

    def silent(_: object) -> None:
        raise NodeopsError("does not answer")

    monkeypatch.setattr(recompute, "driver_for", silent)
    assert recompute.expected_part(host.document) is None
