"""Containers that are no hosts of ours, at addresses of the scenario's network; and hosts that are left as they were found."""

from collections.abc import Iterator

import hosts
import pytest
from engine import container, docker

# By the scenario's group_vars and consortium.yml; nobody has the stranger's address.
STRANGER, OPERATOR, CLIENT, MONITOR = "172.30.40.99", "172.30.40.60", "172.30.40.70", "172.30.40.50"
CONTROLLER = "172.30.40.1"


def apply(node: str, confirm: bool = True) -> dict[str, object]:
    """Apply, confirm over a new connection as the role does, and return the answer."""
    answer: dict[str, object] = hosts.verb(node, "firewall", "apply", codes=(0, 1))
    trial = answer["trial"]
    if confirm and isinstance(trial, dict):
        confirmed = hosts.run(
            node, f"for try in $(seq 30); do nodeops firewall confirm {trial['token']} && exit; sleep 1; done; exit 5", new=True
        )
        assert confirmed.code == 0, confirmed
    return answer


def live(node: str) -> str:
    """Return our table as it is loaded, without counters."""
    return hosts.run(node, "nft -s -t list table inet nodeops").out


# The rules that are loaded and that would be at boot, what is on trial, and what the rules follow from.
_STATE = "nft -s -t list table inet nodeops; systemctl is-active nodeops-firewall-undo.timer; sha256sum /etc/nodeops/*.*"


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave every host with the rules of its document, whatever the test did; one that is as it was needs nothing."""
    before = hosts.at_once(_state, hosts.NODES)
    yield
    after = hosts.at_once(_state, hosts.NODES)
    hosts.at_once(_restore, [node for node in hosts.NODES if after[node] != before[node]])


def _state(node: str) -> str:
    said = hosts.run(node, f"{_STATE}; true")
    return said.out if said.code == 0 else "nobody can log in"


def _restore(node: str) -> None:
    docker("exec", container(node), "sh", "-c", "nodeops firewall rollback; true")
    if hosts.run(node, "nodeops firewall check").code:
        apply(node)
