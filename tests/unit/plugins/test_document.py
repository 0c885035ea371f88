"""What the door of the document adds to the choices of a host."""

import importlib.util

from nodeops.document.resolve import resolve_host
from tests.contract.rules.tree import ROOT
from tests.unit.firewall.samples import OPERATORS, consortium
from tests.unit.firewall.samples import rules as rules_of


def door():
    spec = importlib.util.spec_from_file_location("nodeops_document_action", ROOT / "plugins/action/nodeops_document.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_networks_that_the_repositorys_unit_lets_in_pass_its_firewall_too():
    choices = {"firewall": {"operators": OPERATORS}}
    assert door()._opened(choices, []) == choices
    opened = rules_of(resolve_host(consortium(), "keep", door()._opened(choices, ["203.0.113.0/24"])))
    found = {str(network) for rule in opened.towards("in") if rule.port == 9657 for network in rule.networks}
    assert found == {"10.0.0.1/32", "10.0.0.2/32", "203.0.113.0/24"}


def test_a_host_that_left_is_resolved_without_log_hosts_that_came_later():
    choices = {"firewall": {"operators": OPERATORS}, "hardening": {"log_hosts": ["keep", "newer"]}}
    found = door()._with_hosts_of(consortium(), choices)
    assert resolve_host(consortium(), "a-1", found).limits.hardening.log_host.certified_name == "keep"
    assert door()._with_hosts_of(consortium(), {"hardening": None}) == {"hardening": None}
