"""What people and programs meet on a hardened host: who gets in, and what still works. Run by molecule over SSH."""

from collections.abc import Iterator
from typing import Any

import pytest
import remote
from hosts import REFRESH, unlocked

# One of each release.
testinfra_hosts = list(remote.NODES)
# From the host to itself: sshd of Debian 13 shuts out for a while whoever fails to log in too often.
LOGIN = "ssh -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5"
# ssh ends with 255, which would be taken for a connection of the test itself that failed.
REFUSED = 9


CRON_MARK = "/run/cron-was-here"


@pytest.fixture(scope="module", autouse=True)
def job_of_cron() -> Iterator[None]:
    """A job for the next minute, asked for first and looked at last, so that nobody waits for that minute."""
    remove, job = f"rm -f /etc/cron.d/witness {CRON_MARK}", f"printf '* * * * * root touch {CRON_MARK}\\n'"
    make = f"{remove}; {job} >/etc/cron.d/witness && chmod 0600 /etc/cron.d/witness"
    remote.at_once(lambda node: remote.must(node, make), testinfra_hosts)
    yield
    remote.at_once(lambda node: remote.must(node, remove), testinfra_hosts)


def attempt(host: Any, user: str, *options: str) -> Any:
    return host.run(f"{LOGIN} {' '.join(options)} {user}@{host.check_output('hostname -I').split()[0]} id || exit {REFUSED}")


def test_a_password_does_not_get_in(host: Any) -> None:
    found = attempt(host, "ops", "-v", "-o PubkeyAuthentication=no", "-o NumberOfPasswordPrompts=0")
    assert found.rc == REFUSED
    (offered,) = {line.strip() for line in found.stderr.splitlines() if "Authentications that can continue" in line}
    assert offered.endswith(": publickey")


@pytest.fixture
def key_of_root(host: Any) -> Iterator[str]:
    """A key pair whose owner root lets in: only the server's configuration keeps it out."""
    host.check_output("rm -f /run/root_key*; ssh-keygen -q -t ed25519 -N '' -f /run/root_key")
    host.check_output("install -d -m 0700 ~root/.ssh && cp /run/root_key.pub ~root/.ssh/authorized_keys")
    yield "/run/root_key"
    host.check_output("rm -f /run/root_key* ~root/.ssh/authorized_keys")


def test_root_does_not_get_in_with_a_key_that_is_good(host: Any, key_of_root: str) -> None:
    found = attempt(host, "root", f"-i {key_of_root}", "-o BatchMode=yes")
    assert found.rc == REFUSED
    assert "Permission denied" in found.stderr


def test_an_operator_gets_in_with_the_key_and_becomes_root(host: Any) -> None:
    node = host.check_output("hostname")
    found = remote.run(node, "id -un", new=True)
    assert (found.code, found.out.strip()) == (0, "root"), found


def test_what_an_operator_mounts_is_there_for_the_whole_host(host: Any) -> None:
    host.check_output("mount -t tmpfs witness /mnt")
    try:
        assert "witness /mnt " in host.check_output("cat /proc/1/mounts")
    finally:
        host.check_output("umount /mnt")


def test_sudo_works_for_a_playbook_without_a_terminal(host: Any) -> None:
    node = host.check_output("hostname")
    done = remote.ssh(node, "-T", "sudo -n true")
    assert done.returncode == 0, done.stderr


def test_an_expired_password_of_root_stops_no_job(host: Any) -> None:
    # As cron does: the account is judged by PAM, nobody types a password.
    job = "systemd-run --quiet --wait --collect --property=PAMName=cron --property=User=root true"
    changed = host.check_output("getent shadow root | cut -d : -f 3")
    host.check_output("chage --lastday 2020-01-01 root")
    try:
        host.check_output(job)
        host.check_output("pam-auth-update --package --remove nodeops-no-expiry")
        assert host.run(job).rc != 0, "without the profile the job would run as well: this test shows nothing"
    finally:
        host.check_output("pam-auth-update --package --enable nodeops-no-expiry")
        host.check_output(f"chage --lastday {changed} root")


def test_packages_can_be_installed_and_removed(host: Any) -> None:
    """Their scripts run from /var and /tmp: a mount without exec there breaks them."""
    get = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y install debconf-utils hello"
    host.check_output(unlocked(f"{REFRESH} && {get}"))
    assert host.check_output("hello -g works") == "works"
    host.check_output(unlocked("apt-get -qq -y purge hello debconf-utils"))


def test_traffic_between_containers_is_routed(host: Any) -> None:
    """A bridge with two network namespaces on it, as container engines make them."""
    make = """
    ip link add br-test type bridge && ip addr add 10.99.0.1/24 dev br-test && ip link set br-test up
    for i in 2 3; do
      ip netns add c$i && ip link add v$i type veth peer name eth0 netns c$i && ip link set v$i master br-test up
      ip -n c$i addr add 10.99.0.$i/24 dev eth0 && ip -n c$i link set eth0 up && ip -n c$i route add default via 10.99.0.1
    done
    """
    try:
        host.check_output(make)
        reach = "ip netns exec c2 python3 -c \"import socket; socket.create_connection(('{}', 22), 3)\""
        refused = host.run(reach.format("10.99.0.3"))
        assert "refused" in refused.stderr, "the neighbour is reached: nobody listens there"
    finally:
        host.run("ip netns del c2; ip netns del c3; ip link del br-test")


def test_the_agent_works(host: Any) -> None:
    assert host.run("nodeops ledger status --json").rc == 0
    assert host.run("nodeops agent status --json || nodeops --help").rc == 0


# They need a kernel of their own: accounting, audit, USB.
NEED_A_MACHINE = {"acct.service", "auditd.service", "audit-rules.service", "usbguard.service", "usbguard-dbus.service"}


def test_no_unit_has_failed(host: Any) -> None:
    failed = {line.split()[0] for line in host.check_output("systemctl --failed --no-legend --plain").splitlines()}
    assert sorted(failed - NEED_A_MACHINE) == []


def test_upgrades_leave_the_ledger_alone(host: Any) -> None:
    said = host.run(unlocked("unattended-upgrade --dry-run -d")).stdout
    (blacklist,) = {line.partition(":")[2] for line in said.splitlines() if line.startswith("Initial blacklist")}
    assert "ledger" in blacklist or "cometbft" in blacklist
    assert "Automatic-Reboot" not in said


def test_needrestart_never_restarts_the_ledger(host: Any) -> None:
    """The ledger's binary is replaced by an older copy of itself, so that it would have to be restarted."""
    before = host.check_output("systemctl show -p MainPID --value ledger.service")
    said = host.run("needrestart -b -r l")
    assert said.rc == 0
    assert "ledger" not in said.stdout
    rules = host.check_output(
        "perl -e '%nrconf=(); do $_ for sort glob(q(/etc/needrestart/conf.d/*.conf)); "
        "for my $r (keys %{$nrconf{override_rc}}) { print qq($nrconf{override_rc}{$r}) if q(ledger.service) =~ $r }'"
    )
    assert rules == "0"
    assert host.check_output("systemctl show -p MainPID --value ledger.service") == before


def test_cron_runs_a_job(host: Any) -> None:
    host.check_output(f"for i in $(seq 240); do test -e {CRON_MARK} && exit; sleep 1; done; exit 1")
