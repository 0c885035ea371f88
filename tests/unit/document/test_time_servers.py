"""Time servers become words of one line of a host's settings: each is a name or an address, or nothing is changed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nodeops.core.errors import InputError
from nodeops.document.preflight import check_time_servers
from tests.contract.rules.tree import ROOT
from tests.tiers import slow

GOOD = ["ntp.example.org", "192.0.2.1", "2001:db8::1", "NTP", "169.254.169.123"]
BAD = {
    "another setting": "192.0.2.1\nFallbackNTP=evil.example",
    "two in one": "192.0.2.1 192.0.2.2",
    "an option": "ntp.example.org iburst",
    "a comment": "#ntp.example.org",
    "a control character": "ntp\x1b[2J",
    "nothing": "",
    "this host": "127.0.0.1",
    "everybody": "0.0.0.0",
    "nobody": "224.0.1.1",
    "a port": "ntp.example.org:123",
    "a number": 7,
    "a list": ["ntp.example.org"],
}


def test_names_and_addresses_are_taken_and_so_is_nothing() -> None:
    check_time_servers(GOOD)
    check_time_servers([])


@pytest.mark.parametrize("server", BAD.values(), ids=BAD)
def test_what_is_neither_is_named(server: Any) -> None:
    with pytest.raises(InputError) as said:
        check_time_servers(["ntp.example.org", server])
    assert said.value.where == "host_time_servers"
    assert "host names and IP addresses" in said.value.allowed
    assert "\x1b" not in str(said.value)


@pytest.mark.parametrize("servers", ["ntp.example.org", None, {"ntp.example.org": 1}, 7])
def test_what_is_no_list_would_be_taken_apart(servers: Any) -> None:
    with pytest.raises(InputError, match="is not a list"):
        check_time_servers(servers)


@slow
def test_the_look_at_a_host_refuses_before_it_looks(tmp_path: Path) -> None:
    argument = {"document": {}, "time_servers": "{{ host_time_servers }}"}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"nodeops_preflight": argument}]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    for given, told in (([BAD["another setting"]], "FallbackNTP"), ("ntp.example.org", "is not a list")):
        given_too = json.dumps({"host_time_servers": given})
        argv = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-e", given_too, tmp_path / "play.yml"]
        ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 2
        assert "host_time_servers: " in ended.stdout
        assert told in ended.stdout
        assert "allowed: a list of host names" in ended.stdout.replace("\\n", "\n")
