"""People get text that prints as it is, machines get JSON, and exit codes say the rest."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from nodeops.console import emit, emit_error, working
from nodeops.core.errors import HostError, InputError
from nodeops.core.finding import Finding, Verdict
from nodeops.core.result import Change, Result, Table
from nodeops.screen import console, plain_text

MARKUP = "[bold red]cu-1[/] [link=file:///x]click[/link] :boom: [/]"
FAILING = Finding("quorum", Verdict.FAIL, "5 of 7", "4 of 7", "start a validator")


def everywhere(text: str) -> Result:
    """Return a result that holds a text in every place a person sees."""
    return Result(
        {},
        tables=[Table((text,), [(text,)], title=text)],
        lines=[text],
        changes=[Change(text, text, text, text)],
        findings=[Finding(text, Verdict.WARN, text, text, text)],
    )


def test_markup_prints_as_it_is(capsys):
    emit(everywhere(MARKUP))
    assert capsys.readouterr().out.count(MARKUP) == 12


STEERING = {
    "colour": ("\x1b[31mred", "\\x1b[31mred"),
    "title of the window": ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
    "line hidden by a return": ("evil\rgood", "evil\\rgood"),
    "backspace": ("a\x08b", "a\\x08b"),
    "C1 control": ("a\x9bb", "a\\x9bb"),
    "right to left": ("a\u202eb", "a\\u202eb"),
    "half a character": ("a\udc80b", "a\\udc80b"),
}


@pytest.mark.parametrize(("hostile", "shown"), STEERING.values(), ids=STEERING)
def test_nothing_steers_the_terminal(capsys, hostile, shown):
    emit(everywhere(hostile))
    out = capsys.readouterr().out
    assert (hostile in out, out.count(shown)) == (False, 12)


@given(st.text())
def test_plain_text_never_holds_a_control_character(text):
    assert not {letter for letter in plain_text(text).plain if ord(letter) < 32} - {"\n", "\t"}


@pytest.mark.parametrize("text", ["宝马电池", "Müller & Söhne", "a\tb"])
def test_text_of_any_language_stays(text):
    assert plain_text(text).plain == text


def test_a_row_stays_one_line_where_there_is_no_screen(capsys):
    emit(Result({}, tables=[Table(("node", "digest"), [("cu-1", "f" * 300)])], lines=["x" * 300]))
    assert [line.strip() for line in capsys.readouterr().out.splitlines()][1:] == ["cu-1  " + "f" * 300, "x" * 300]


def test_json_is_one_object_with_every_promised_key(capsys):
    emit(Result({"height": 7, "name": MARKUP}, changes=[Change("a", "b")]), as_json=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "height": 7,
        "name": MARKUP,
        "changed": True,
        "changes": [{"what": "a", "why": "b", "before": "", "after": ""}],
        "findings": [],
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_a_failing_finding_leaves_with_1(capsys, as_json):
    with pytest.raises(typer.Exit) as leaving:
        emit(Result({}, findings=[FAILING]), as_json)
    assert leaving.value.exit_code == 1
    assert "quorum" in capsys.readouterr().out


def test_findings_say_what_was_expected_and_what_to_do(capsys):
    with pytest.raises(typer.Exit):
        emit(Result({}, findings=[Finding("height", Verdict.PASS, "moving", "7"), FAILING]))
    assert capsys.readouterr().out.split("\n") == [
        "          pass height: 7",
        "          fail quorum: 4 of 7 (expected 5 of 7)",
        "               start a validator",
        "",
    ]


def test_errors_go_to_stderr_and_as_json_to_stdout(capsys):
    error = InputError("is missing", where=MARKUP, hint="add it")
    emit_error(error, as_json=False)
    assert capsys.readouterr() == ("", f"input: {MARKUP}: is missing\n  do: add it\n")
    emit_error(error, as_json=True)
    out, _ = capsys.readouterr()
    body = {"kind": "input", "what": "is missing", "where": MARKUP, "allowed": "", "hint": "add it"}
    assert json.loads(out) == {"error": body, "exit_code": 2}


def test_a_terminal_keeps_its_width(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "66")
    assert console().width == 66


PRINT = """
from nodeops.console import emit
from nodeops.core.result import Result, Table
emit(Result({"a": "x" * 200_000}, tables=[Table(("a",), [("x" * 200_000,)])]), as_json=%s)
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_went_away_is_not_a_failed_finding(as_json):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", PRINT % as_json], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_full_disk_is_the_hosts_error(as_json, monkeypatch):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(HostError, match="No space left on device"):
            emit(Result({"a": 1}, lines=["a"]), as_json)


def test_a_verb_begins_without_what_only_people_need():
    """rich, and models that a verb never reads, are a sixth of what it takes to begin; Ansible calls dozens of verbs a host."""
    rooms = ("status", "ledger", "disk", "backup", "hardening", "firewall", "lifecycle", "quorum", "records")
    lines = f"""
import sys, {", ".join(f"nodeops.{room}.cli" for room in rooms)}
from nodeops.document.models import NodeDocument
sys.exit("rich" in sys.modules or NodeDocument.__pydantic_complete__)
"""
    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0


def test_where_nobody_looks_nothing_is_shown_of_work(capsys):
    with working("a long thing") as say:
        say("still at it")
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_work_is_shown_and_steers_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    shown, until = "", time.monotonic() + 60
    with working("a \x1b[2Jlong thing"):
        while "long thing" not in shown:
            assert time.monotonic() < until
            time.sleep(0.05)
            shown += capsys.readouterr().err
    assert "\x1b[2J" not in shown + capsys.readouterr().err
