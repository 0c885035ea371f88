"""How a host's answer counts, is kept as data, and is shown."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeops.fleet.reply import (
    OUTPUT_LIMIT_BYTES,
    OutputCounter,
    OutputTooLongError,
    Reply,
    State,
    as_data,
    counted_code,
    headed,
    json_text,
    not_run,
    one_line,
    parsed,
    readable,
    worst_code,
)


@pytest.mark.parametrize(
    ("state", "exit_code", "counted"),
    [
        (State.ANSWERED, 0, 0),
        (State.ANSWERED, 1, 1),
        (State.ANSWERED, 4, 4),
        (State.ANSWERED, 5, 5),
        (State.ANSWERED, 6, 3),
        (State.ANSWERED, 70, 3),
        (State.ANSWERED, 127, 3),
        (State.ANSWERED, -1, 3),
        (State.DEAD, None, 3),
        (State.HOST_KEY, None, 3),
        (State.LOGIN, None, 3),
        (State.NOT_RUN, None, 3),
        (State.TOO_LONG, None, 3),
        (State.LATE, None, 5),
    ],
)
def test_a_hosts_share_in_the_exit_code(state: State, exit_code: int | None, counted: int) -> None:
    assert counted_code(Reply("cu-1", state, exit_code)) == counted


def test_the_worst_host_decides_the_exit_code() -> None:
    good, finding, dead = Reply("a", State.ANSWERED, 0), Reply("b", State.ANSWERED, 1), Reply("c", State.DEAD)
    assert worst_code([]) == 0
    assert worst_code([good, good]) == 0
    assert worst_code([good, finding]) == 1
    assert worst_code([dead, finding, good]) == 3


@pytest.mark.parametrize(
    ("exit_code", "stdout", "stderr", "state", "error"),
    [
        (1, "", "sudo: a password is required\n", State.NOT_RUN, "a password is required"),
        (1, "", "sudo: /usr/local/bin/nodeops: command not found\n", State.NOT_RUN, "/usr/local/bin/nodeops: command not found"),
        (1, "Welcome!\n", "bash: warning: locale\nsudo: a password is required\n", State.NOT_RUN, "a password is required"),
        (127, "", "bash: line 1: sudo: command not found\n", State.NOT_RUN, "bash: line 1: sudo: command not found"),
        (127, "hi\n", "nodeops: 3: exec: python3: not found\n", State.NOT_RUN, "nodeops: 3: exec: python3: not found"),
        (126, "", "", State.NOT_RUN, "the program cannot be run"),
        (1, "Welcome!\n{}", "sudo: unable to resolve host cu-1\n", State.ANSWERED, ""),
        (1, "{}", "sudo: unable to resolve host cu-1\n", State.ANSWERED, ""),
        (0, "", "sudo: unable to resolve host cu-1\n", State.ANSWERED, ""),
        (1, "", "a finding failed\n", State.ANSWERED, ""),
    ],
)
def test_sudo_that_refuses_is_not_a_failed_finding(exit_code: int, stdout: str, stderr: str, state: State, error: str) -> None:
    told = not_run(Reply("cu-1", State.ANSWERED, exit_code, stdout, stderr))
    assert (told.state, told.error) == (state, error)
    assert counted_code(told) == (3 if state is State.NOT_RUN else exit_code)


@pytest.mark.parametrize(
    ("stderr", "do"),
    [
        ("sudo: a password is required", "without password"),
        ("sudo: /usr/local/bin/nodeops: command not found", "site.yml"),
        ("sh: 1: sudo: not found", "install sudo"),
        ("/usr/local/bin/nodeops: 3: exec: /usr/bin/python3: not found", "apt-get install python3"),
    ],
)
def test_what_is_missing_on_a_host_is_said_with_what_to_do(stderr: str, do: str) -> None:
    assert do in not_run(Reply("cu-1", State.ANSWERED, 1 if stderr.startswith("sudo:") else 127, "", stderr)).hint


ANSWERS = {
    '{"a": 1}\n': '{"a": 1}\n',
    'Welcome to cu-1!\nToday: {nothing}\n{"a": 1}': '{"a": 1}',
    "{not json}\n{}": "{}",
    "Welcome": None,
    "": None,
    "{\n" * 6 + "{}": None,
    "[1]": None,
}


@pytest.mark.parametrize(("said", "kept"), ANSWERS.items())
def test_an_answer_is_found_behind_what_a_login_shell_prints(said: str, kept: str | None) -> None:
    assert json_text(said) == kept


def test_an_answer_of_a_million_beginnings_is_not_tried_for_ever() -> None:
    assert json_text("{\n" * 1_000_000) is None


def test_json_of_a_verb_becomes_an_answer_and_all_else_stays_text() -> None:
    reply = Reply("cu-1", State.ANSWERED, 0, '{"height": 7}\n')
    assert as_data(reply, answer_is_json=True)["answer"] == {"height": 7}
    assert "stdout" not in as_data(reply, answer_is_json=True)
    assert as_data(reply, answer_is_json=False)["stdout"] == '{"height": 7}\n'
    garbage = as_data(Reply("cu-1", State.ANSWERED, 0, "no json"), answer_is_json=True)
    assert garbage["stdout"] == "no json"


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "[" * 100_000, "9" * 5000, '"\\ud800"x', "\x00"])
def test_what_is_not_json_is_no_answer(text: str) -> None:
    assert parsed(text) is None


@settings(deadline=None)
@given(st.text())
def test_any_output_can_be_kept_as_json(text: str) -> None:
    json.dumps(as_data(Reply("cu-1", State.ANSWERED, 0, text, text), answer_is_json=True))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "31mred"),
        ("line\r\nline\rover", "line\nlineover"),
        ("safe\u202eexe.txt", "safeexe.txt"),
        ("[bold red]x[/]", "[bold red]x[/]"),
    ],
)
def test_output_loses_everything_that_steers_a_terminal(raw: str, shown: str) -> None:
    assert readable(raw) == shown


@settings(deadline=None)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_readable_text_has_no_control_characters(text: str) -> None:
    assert not [letter for letter in readable(text) if letter not in "\n\t" and unicodedata.category(letter)[0] == "C"]
    assert "\n" not in one_line(text, 20)
    assert len(one_line(text, 20)) <= 20


def test_a_person_sees_name_outcome_output_and_hint() -> None:
    assert headed(Reply("cu-1", State.ANSWERED, 1, "one\ntwo\n", "oops\n", seconds=0.25)) == [
        "── cu-1 · exit code 1 · 0.2 s",
        "one",
        "two",
        "stderr: oops",
    ]
    assert headed(Reply("cu-2", State.DEAD, error="no\x1b[2J route", hint="look")) == [
        "── cu-2 · dead: no route · 0.0 s",
        "  do: look",
    ]


def test_output_without_end_is_stopped() -> None:
    counter = OutputCounter()
    counter.write("x" * OUTPUT_LIMIT_BYTES)
    with pytest.raises(OutputTooLongError):
        counter.write("x")
