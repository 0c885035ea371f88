#!/usr/bin/python3
"""Documentation of the action nodeops_preflight, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_preflight
short_description: Observe a host and judge whether it can carry its node
description:
  - Runs M(nodeops.nodeops.nodeops_observe) on the host and judges what it saw on the controller. Changes nothing.
  - Fails with one line for each thing that must be mended first.
options:
  document: {description: The node document., type: dict, required: true}
  packages: {description: Debian packages to look for., type: list, elements: str, default: []}
  time_servers: {description: Time servers the host would be given, each a host name or an address., type: raw, default: []}
"""

RETURN = r"""
observed: {description: What was seen of the host., type: dict, returned: always}
hashes: {description: SHA-256 of the ledger's binary by path., type: dict, returned: always}
targets: {description: Target of the link to the current agent by path., type: dict, returned: always}
findings: {description: What was judged., type: list, elements: dict, returned: always}
"""
