"""What Ansible says of a host that lacks what everything needs; taken from real runs."""

import pytest

from nodeops.fleet.ansible.words import explained

WORDS = {
    "password": ({"msg": "Missing sudo password"}, "sudo asks for a password", "NOPASSWD"),
    "wrong password": ({"msg": "Incorrect sudo password"}, "sudo asks for a password", "--ask-become-pass"),
    "password, by sudo": ({"msg": "x", "module_stderr": "sudo: a password is required\n"}, "asks for a password", "NOPASSWD"),
    "terminal": ({"module_stderr": "sudo: a terminal is required to read the password"}, "asks for a password", "NOPASSWD"),
    "stranger": ({"module_stdout": "ops is not in the sudoers file."}, "may not use sudo", "another User"),
    "no sudo": (
        {"module_stderr": "/bin/sh: 1: sudo: not found\n", "msg": "non-zero"},
        "sudo is not installed",
        "apt-get install sudo",
    ),
    "no python": (
        {
            "msg": "The module interpreter '/usr/bin/python3' was not found.",
            "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found",
        },
        "python3 is not installed",
        "apt-get install python3",
    ),
    "a shell that prints": (
        {"msg": "Module result deserialization failed: Extra data: line 3 column 1 (char 31)", "module_stdout": '{"motd": "x"}'},
        "the login shell of this host prints JSON",
        ".bashrc",
    ),
    "no python, no words": ({"module_stderr": "/bin/sh: 1: /usr/bin/python3.11: not found"}, "python3 is not", "install python3"),
}


@pytest.mark.parametrize(("result", "what", "do"), WORDS.values(), ids=WORDS)
def test_what_a_host_lacks_is_said_with_what_to_do(result, what, do):
    told = explained({"failed": True, "exception": "Ansible's own", "rc": 127, **result})
    assert (what in told["msg"], do in told["msg"], "exception" in told, told["rc"]) == (True, True, False, 127)


UNTOUCHED = [
    {"failed": False, "msg": "Missing sudo password"},
    {"failed": True, "msg": "disk full", "exception": "x"},
    {"failed": True, "answer": {}, "msg": "python3: not found, says a verb"},
    {"changed": True},
    {"failed": True},
]


@pytest.mark.parametrize("result", UNTOUCHED)
def test_all_else_stays_as_it_was(result):
    assert explained(result) == result
