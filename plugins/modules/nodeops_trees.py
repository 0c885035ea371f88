#!/usr/bin/python3
"""Documentation of the action nodeops_trees, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_trees
short_description: Build the agent's trees for the hosts of a run
description:
  - Runs on the controller; what is cached and unchanged is not built again.
options:
  hosts: {description: What C(nodeops_preflight) observed of each host., type: list, elements: dict, required: true}
"""

RETURN = r"""
trees: {description: "Path, digest and SHA-256 of each tree's archive by C(python-architecture).", type: dict, returned: always}
"""
