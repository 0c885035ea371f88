#!/usr/bin/python3
"""Documentation of the action nodeops_trial, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_trial
short_description: Make a change that undoes itself unless the controller still gets in
description:
  - Runs the verb C(apply). When its answer holds a C(trial), opens a new connection and runs the verb C(confirm) with the token.
  - Hosts that are reached through this one (C(nodeops_hosts_behind), from the inventory) must let a new login in first.
  - A controller that dies, or a host that lets no new connection in, confirms nothing, and the host undoes the change.
options:
  command: {description: Path of the agent's command., type: path, required: true}
  apply: {description: The verb that changes the host; check mode adds C(--dry-run)., type: list, elements: str, required: true}
  confirm: {description: The verb that keeps the change; the token is added., type: list, elements: str, required: true}
  timeout: {description: Seconds until a verb is stopped., type: int, default: 300}
"""

RETURN = r"""
answer: {description: The JSON answer of the apply verb., type: dict, returned: always}
confirmation: {description: The JSON answer of the confirm verb., type: dict, returned: when something was on trial}
"""
