#!/usr/bin/python3
"""Documentation of the action nodeops_turns, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_turns
short_description: Decide who goes over to another version of the ledger when
description:
  - Runs on the controller. No vote first, then the least voting power.
options:
  answers: {description: The answer of C(nodeops lifecycle plan) or C(rollback --dry-run) by node., type: dict, required: true}
  powers: {description: The voting power of each member by its name., type: dict, required: true}
"""

RETURN = r"""
order: {description: Whose turn comes after whose., type: list, elements: str, returned: always}
canary: {description: The first that votes; null where all that vote went over., type: str, returned: always}
aside: {description: Who may miss a turn to propose while the canary is watched., type: list, elements: str, returned: always}
groups: {description: Pairs of a host and the group that it belongs to., type: list, elements: list, returned: always}
"""
