"""What the options of ssh_config mean."""

from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.fleet.ssh_choices import DEFAULT_CONNECT_SECONDS, ssh_choices


def test_without_options_ssh_defaults_hold() -> None:
    choices = ssh_choices({}, "ssh_config")
    assert choices.known_hosts == (Path("~/.ssh/known_hosts").expanduser(),)
    assert choices.identity_files == ()
    assert (choices.identities_only, choices.use_agent, choices.direct) == (False, True, False)
    assert (choices.host_key_alias, choices.connect_seconds) == (None, DEFAULT_CONNECT_SECONDS)


def test_every_option_is_taken() -> None:
    options = {
        "identityfile": ["/k/one", "~/two", "none"],
        "identitiesonly": "yes",
        "identityagent": "none",
        "userknownhostsfile": "/a/known_hosts",
        "hostkeyalias": "cu-1",
        "connecttimeout": "12",
        "port": "2222",
        "proxyjump": "none",
    }
    choices = ssh_choices(options, "ssh_config")
    assert choices.identity_files == (Path("/k/one"), Path("~/two").expanduser())
    assert (choices.identities_only, choices.use_agent, choices.direct) == (True, False, True)
    assert (choices.host_key_alias, choices.connect_seconds) == ("cu-1", 12.0)


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ("/a/known", ["/a/known"]),
        ("/a/known /b/known", ["/a/known", "/b/known"]),
        ("/my lab/known hosts", ["/my lab/known hosts"]),
        ('/my lab/one" "/my lab/two', ["/my lab/one", "/my lab/two"]),
        ("/100%%/known", ["/100%/known"]),
        ("none", []),
    ],
)
def test_known_hosts_files(value: str, files: list[str]) -> None:
    assert ssh_choices({"userknownhostsfile": value}, "ssh_config").known_hosts == tuple(map(Path, files))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"port": "x"}, "Port 'x'"),
        ({"port": "0"}, "Port '0'"),
        ({"port": "65536"}, "Port '65536'"),
        ({"connecttimeout": "1m"}, "ConnectTimeout '1m'"),
        ({"connecttimeout": "0"}, "ConnectTimeout '0'"),
    ],
)
def test_an_option_that_cannot_work_is_refused(options: dict[str, str], named: str) -> None:
    with pytest.raises(InputError, match=named) as raised:
        ssh_choices(options, "inventories/lab/ssh_config")
    assert raised.value.where == "inventories/lab/ssh_config"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"identityagent": "~/.1password/agent.sock"}, ["IdentityAgent"]),
        ({"identityagent": "none", "gssapiauthentication": "no", "pkcs11provider": "none"}, []),
        ({"gssapiauthentication": "yes", "pkcs11provider": "/usr/lib/p.so"}, ["PKCS11Provider", "GSSAPIAuthentication"]),
        ({"certificatefile": "~/ops-cert.pub", "identityagent": "SSH_AUTH_SOCK"}, []),
    ],
)
def test_ways_to_log_in_that_only_ssh_has_are_named(options: dict[str, str], named: list[str]) -> None:
    assert [name.split(" ")[0] for name in ssh_choices(options, "ssh_config").passed_over] == named


@pytest.mark.parametrize(("value", "path"), [("none", None), ("~/c", Path("~/c").expanduser()), ("/a/c", Path("/a/c"))])
def test_a_certificate_is_taken(value: str, path: Path | None) -> None:
    assert ssh_choices({"certificatefile": value}, "ssh_config").certificate == path
