"""Hosts that other people use too: what they set is judged where it counts, left where it is stricter, and nobody is shut out."""

import time

import pytest
import remote
from conftest import assert_nothing, failing

pytestmark = pytest.mark.usefixtures("hardened")
DROP_IN = "/etc/ssh/sshd_config.d/70-site.conf"
ANYWHERE = "Match Address 0.0.0.0/0,::/0\\n PasswordAuthentication yes\\n PermitRootLogin yes\\n"


def test_a_match_block_is_judged_and_named() -> None:
    assert_nothing(remote.at_once(opened_by_a_block, remote.NODES))


def opened_by_a_block(node: str) -> list[str]:
    try:
        remote.must(node, f"printf '{ANYWHERE}' >{DROP_IN} && systemctl reload ssh")
        found = failing(node, "ssh.passwords", "ssh.root", "ssh.attempts")
    finally:
        remote.must(node, f"rm {DROP_IN} && systemctl reload ssh")
    named = [line for line in found if f"for Match Address 0.0.0.0/0,::/0 ({DROP_IN} line 1)" in line]
    return [] if len(found) == len(named) == 2 else [f"not judged, or not named: {found}"]


def test_a_file_of_parameters_that_wins_is_named() -> None:
    assert_nothing(remote.at_once(undone_by_a_file, remote.NODES))


def undone_by_a_file(node: str) -> list[str]:
    try:
        remote.must(node, "echo net.ipv4.ip_forward=1 >/etc/sysctl.d/99-vpn.conf")
        found = failing(node, "sysctl-network.forwarding")
    finally:
        remote.must(node, "rm /etc/sysctl.d/99-vpn.conf")
    return [] if len(found) == 1 and "/etc/sysctl.d/99-vpn.conf says 1" in found[0] else [f"not named: {found}"]


def test_whoever_made_sshd_read_its_files_it_has_read_them() -> None:
    assert_nothing(remote.at_once(read_anew, remote.NODES))


def read_anew(node: str) -> list[str]:
    """Return what is wrong after a file is written, read by two ways, taken out, and mended by an apply."""
    wrong = []
    for way in ("systemctl reload ssh", "kill -HUP $(systemctl show --property=MainPID --value ssh)"):
        remote.must(node, f"echo 'PrintMotd no' >{DROP_IN}")
        wrong += [] if failing(node, "ssh.root") else [f"not read yet, and it passes before {way}"]
        remote.must(node, way)
        wrong += failing_at_last(node, "ssh.root")
    remote.must(node, f"rm {DROP_IN}")
    wrong += [] if failing(node, "ssh.root") else ["one that was taken out is not missed"]
    remote.apply(node)
    return wrong + failing(node, "ssh.root")


def failing_at_last(node: str, control: str) -> list[str]:
    """Return what fails still when sshd had time to hear a signal, to read its files, and to have that in the journal."""
    until = time.monotonic() + 30
    while (found := failing(node, control)) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def test_what_a_site_has_stricter_stays() -> None:
    node = remote.NODES[0]
    remote.apply(node, "undo", "ssh.attempts")
    try:
        remote.must(node, f"printf 'MaxAuthTries 2\\nLoginGraceTime 20\\n' >{DROP_IN} && systemctl reload ssh")
        remote.apply(node)
        said = remote.must(node, "sshd -T")
        assert "maxauthtries 2\n" in said and "logingracetime 20\n" in said and "maxsessions 2\n" in said
        assert not failing(node, "ssh.attempts")
    finally:
        remote.must(node, f"rm {DROP_IN} && systemctl reload ssh")


def test_who_would_lose_access_is_named_and_it_is_refused() -> None:
    node = remote.NODES[1]
    remote.apply(node, "undo", "ssh.key-algorithms")
    login = "useradd --create-home --groups ops --shell /bin/bash carol && install -d -o carol -m 0700 /home/carol/.ssh"
    file = "/home/carol/.ssh/authorized_keys"
    key = f"ssh-keygen -q -t rsa -b 2048 -N '' -f /run/carol && install -o carol -m 0600 /run/carol.pub {file}"
    try:
        remote.must(node, f"{login} && {key}")
        said = remote.run(node, "nodeops hardening apply")
        assert said.code == 4 and "carol would lose access over SSH" in said.err and "2048 bits" in said.err, said
        assert "requiredrsasize 1024\n" in remote.must(node, "sshd -T"), "nothing was changed"
    finally:
        remote.must(node, "userdel --remove carol; rm -f /run/carol*")
