"""Inventory from consortium.yml: a door to nodeops.document; only managed organisations become hosts."""

import shlex
import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.display import Display

try:
    from nodeops.console import guarded
    from nodeops.consortium.kept import left
    from nodeops.core.errors import NodeopsError
    from nodeops.document.check import checked_consortium
    from nodeops.document.inventory import chosen, managed_nodes
    from nodeops.document.load import CONSORTIUM_FILE
    from nodeops.host.ssh.client import ssh_arguments, ssh_means
    from nodeops.host.ssh.jumps import jump_hosts
except ImportError as error:
    # The door that every run enters first: without this, Ansible shows a traceback.
    folder = Path(__file__).parents[2]
    raise AnsibleError(
        f"{error}. The Python package nodeops must be in the Python that runs Ansible. It comes with the plugins: "
        f"{sys.executable} -m pip install --editable '{folder}[operator]'"
    ) from error

DOCUMENTATION = r"""
name: consortium
short_description: Hosts and groups from a consortium file
description:
  - Reads C(consortium.yml). Nodes of the organisations listed in C(nodeops_manages) of C(group_vars/all.yml) become hosts.
  - Groups are C(nodes), C(monitors), C(repositories), each organisation (dashes become underscores), each duty and the platform.
    Nodes that left by a revision not long ago are in C(leavers) alone, for C(playbooks/leave.yml).
options: {}
"""

# Hosts that must be restarted (playbooks/plays/roll.yml); a play of a group that is not there would warn.
_FILLED_BY_A_RUN = ("nodeops_roll_disk", "nodeops_roll_ledger")


def _guard_the_terminal() -> None:
    """Keep what hosts send from steering this terminal, whichever callback and module brings it: every line goes through here."""
    display = Display()
    if not hasattr(display.display, "guards"):
        display.display = guarded(display.display)
        display.display.guards = True


class InventoryModule(BaseInventoryPlugin):
    """Hosts and groups of the consortium file beside this controller's choices."""

    NAME = "consortium"

    def verify_file(self, path: str) -> bool:
        """Accept consortium.yml only."""
        return bool(super().verify_file(path)) and Path(path).name == CONSORTIUM_FILE

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory. Mistakes in the file stop the run with their lines."""
        super().parse(inventory, loader, path, cache)
        _guard_the_terminal()
        try:
            self._fill(Path(path).absolute())
        except NodeopsError as error:
            # Ansible prints an exception and everything it came from, each twice: said here, it is said once.
            self.display.error(str(error))
            raise AnsibleParserError("what is wrong with it is said above; nothing was read") from None

    def _fill(self, path: Path) -> None:
        consortium, _ = checked_consortium(path)
        for group in ("nodes", "validator", "witness", "monitors", "repositories", consortium.ledger.platform, *_FILLED_BY_A_RUN):
            self.inventory.add_group(group)
        for name in managed_nodes(consortium, path.parent):
            node = consortium.nodes[name]
            self._add(path, name, node, ("nodes", node.duty, consortium.ledger.platform))
        managed = {consortium.nodes[name].organisation for name in managed_nodes(consortium, path.parent)}
        for group, helpers in (("monitors", consortium.monitors), ("repositories", consortium.repositories)):
            for name, host in helpers.items():
                if host.organisation in managed:
                    self._add(path, name, host, (group,))
        self._add_leavers(path, consortium)
        self._say_jumps(path.parent / "ssh_config", {**consortium.nodes, **consortium.monitors, **consortium.repositories})

    def _add_leavers(self, path: Path, consortium: Any) -> None:
        """Add hosts of nodes that left: in a group of their own, so that no other playbook takes them for members."""
        self.inventory.add_group("leavers")
        for name, (node, _) in left(path.parent, consortium).items():
            if node.organisation in chosen(path.parent).manages and name not in self.inventory.hosts:
                self._add_host(path, name, node.address, ("leavers",))

    def _say_jumps(self, config: Path, known: Any) -> None:
        """Tell each host which others are reached through it: it must go on letting them through."""
        address = {name: known[name].address for name in self.inventory.hosts if name in known}
        means = {name: ssh_means(config, name) for name in address}
        found = jump_hosts(means, address, lambda name: ssh_means(config, name).get("hostname", name))
        for name, behind in found.items():
            self.inventory.set_variable(name, "nodeops_hosts_behind", sorted({one.name for one in behind}))
            self.inventory.set_variable(name, "nodeops_jump_for", sorted({end for one in behind for end in one.destinations}))

    def _add(self, path: Path, name: str, host: Any, groups: tuple[str, ...]) -> None:
        organisation = self.inventory.add_group(host.organisation.replace("-", "_"))
        self._add_host(path, name, host.address, (*groups, organisation))

    def _add_host(self, path: Path, name: str, address: str, groups: tuple[str, ...]) -> None:
        for group in groups:
            self.inventory.add_host(name, group=group)
        arguments = ssh_arguments(path.parent / "ssh_config", name, address)
        self.inventory.set_variable(name, "ansible_ssh_common_args", shlex.join(arguments))
        self.inventory.set_variable(name, "nodeops_inventory", str(path.parent))
