#!/usr/bin/python3
"""Documentation of the action nodeops_artifacts, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_artifacts
short_description: Fetch or build the ledger's binary for the hosts of a run
description:
  - Runs on the controller; what is cached and whole is not fetched again. Fails where a host cannot go over to the version.
options:
  ledger: {description: The part C(ledger) of a node document., type: dict, required: true}
  override: {description: "Another source than the profile's: source, url or path, sha256.", type: dict, default: {}}
  links: {description: "The links of each host that C(nodeops_preflight) read, by host.", type: dict, default: {}}
  voted: {description: A version that needs a vote may replace what is installed., type: bool, default: false}
  hosts: {description: What C(nodeops_preflight) observed of each host., type: list, elements: dict, required: true}
"""

RETURN = r"""
ledger: {description: Path and SHA-256 of the binary by architecture., type: dict, returned: always}
"""
