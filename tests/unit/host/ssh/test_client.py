"""What OpenSSH makes of an inventory's ssh_config: names match its Host lines, addresses come from the consortium file."""

from pathlib import Path

import pytest

from nodeops.core.errors import InputError
from nodeops.host.ssh.client import ssh_arguments


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "ssh_config"
    file.write_text("Host north-1\n  HostName bastion.example\nHost north-*\n  User ops\n")
    return file


@pytest.mark.parametrize("address", ["192.0.2.12", "2001:db8::12", "node.example"])
def test_the_address_of_the_consortium_file_counts_where_ssh_config_has_none(config: Path, address: str) -> None:
    assert ssh_arguments(config, "north-2", address) == ["-F", str(config), "-o", f"HostName={address}"]


def test_a_host_name_in_ssh_config_wins(config: Path) -> None:
    assert ssh_arguments(config, "north-1", "192.0.2.11") == ["-F", str(config)]


def test_without_an_ssh_config_only_the_address_is_given(tmp_path: Path) -> None:
    assert ssh_arguments(tmp_path / "none", "no-such-host-alias", "192.0.2.11") == ["-o", "HostName=192.0.2.11"]


def test_a_damaged_ssh_config_is_named_with_its_line(config: Path) -> None:
    config.write_text("Host x\n  Usr ops\n")
    with pytest.raises(InputError, match=r"line 2: Bad configuration option: usr"):
        ssh_arguments(config, "x", "192.0.2.11")
