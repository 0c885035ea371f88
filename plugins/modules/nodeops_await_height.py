#!/usr/bin/python3
"""Documentation of the action nodeops_await_height, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_await_height
short_description: Wait until a node stands at the height that the organisations voted on
description:
  - Asks the host's agent every few seconds, and says how far the node is.
options:
  command: {description: Path of the agent's command., type: path, required: true}
  verb: {description: The verb that tells, C(lifecycle plan)., type: list, elements: str, required: true}
  seconds: {description: In so many seconds the height must come., type: int, required: true}
"""

RETURN = r"""
answer: {description: The last JSON answer of the verb., type: dict, returned: always}
"""
