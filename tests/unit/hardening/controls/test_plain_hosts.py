"""Controls on a host that runs no ledger: the same, but for what is said of a ledger alone."""

from nodeops.document.models import HostDocument
from nodeops.document.resolve import resolve_host
from nodeops.hardening.controls.catalogue import catalogue
from nodeops.hardening.controls.settings import Content, Lines, Sshd
from nodeops.hardening.controls.values import expanded, is_about_ledgers
from tests.unit.firewall.samples import OPERATORS, consortium


def document(name: str) -> HostDocument:
    return resolve_host(consortium(), name, {"firewall": {"operators": OPERATORS}})


def test_only_the_ledgers_own_controls_set_nothing_on_a_monitor_and_a_repository():
    node = document("a-1")
    for plain in (document("mon"), document("keep")):
        lost = {
            control.id for control in catalogue().values() if expanded(control, node).sets and not expanded(control, plain).sets
        }
        assert lost == {control.id for control in catalogue().values() if is_about_ledgers(control)} == {"apt.needrestart"}


def forwarding(name: str) -> dict[str, str]:
    sets = expanded(catalogue()["ssh.forwarding"], document(name)).sets
    return {one.key: one.value for one in sets if isinstance(one, Sshd)}


def test_people_reach_the_services_of_a_monitor_through_ssh_and_nothing_else():
    monitor = forwarding("mon")
    assert (monitor["AllowTcpForwarding"], monitor["DisableForwarding"]) == ("local", "no")
    assert monitor["PermitOpen"].split() == ["127.0.0.1:9090", "localhost:9090", "127.0.0.1:9093", "localhost:9093"]
    for closed in ("a-1", "keep"):
        assert (forwarding(closed)["AllowTcpForwarding"], "PermitOpen" in forwarding(closed)) == ("no", False)


def test_a_node_trusts_a_log_host_of_the_file_by_what_the_role_hands_it():
    chosen = resolve_host(consortium(), "a-1", {"hardening": {"log_hosts": ["mon"]}})
    found = expanded(catalogue()["logging.forwarding"], chosen).sets
    (lines,) = [one for one in found if isinstance(one, Lines)]
    text = "\n".join(lines.lines)
    assert 'target="10.0.0.9" port="6514"' in text
    assert f'StreamDriver.CAFile="{chosen.paths["log_host_authority"]}"' in text
    assert 'StreamDriverPermittedPeers="mon"' in text
    # What is handed out by the role has one writer.
    assert not [one for one in found if isinstance(one, Content)]
    (receiver,) = expanded(catalogue()["logging.log-host"], chosen).sets
    assert receiver.trust == chosen.paths["log_host_authority"]
