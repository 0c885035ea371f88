"""Errors say what, where, what is allowed and what to do, and keep their exit codes."""

import pickle

import pytest

from nodeops.core.errors import FINDINGS_FAILED, HostError, InputError, NodeopsError, Refused, Timeout

CODES = {InputError: (2, "input"), HostError: (3, "host"), Refused: (4, "refused"), Timeout: (5, "timeout")}


@pytest.mark.parametrize(("error", "code", "kind"), [(error, *pair) for error, pair in CODES.items()])
def test_exit_codes_are_a_promise(error, code, kind):
    assert (error("x").exit_code, error("x").kind) == (code, kind)


def test_no_two_reasons_share_an_exit_code():
    codes = [FINDINGS_FAILED, NodeopsError.exit_code, *(code for code, _ in CODES.values())]
    assert len(set(codes)) == len(codes)


MESSAGES = [
    (InputError("is missing"), "is missing"),
    (InputError("is missing", where="a.yml:3"), "a.yml:3: is missing"),
    (InputError("is 0", allowed="1 or more"), "is 0\n  allowed: 1 or more"),
    (InputError("is 0", "a.yml:3", "1 or more", "write 1"), "a.yml:3: is 0\n  allowed: 1 or more\n  do: write 1"),
]


@pytest.mark.parametrize(("error", "message"), MESSAGES)
def test_message(error, message):
    assert str(error) == message


@pytest.mark.parametrize("kind", [NodeopsError, *CODES])
def test_an_error_stays_whole_between_processes(kind):
    error = kind("what", "where", "allowed", "hint")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy) == (kind, error)
