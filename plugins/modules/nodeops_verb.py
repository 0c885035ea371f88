#!/usr/bin/python3
"""Documentation of the action nodeops_verb: it runs the agent itself, and no module."""

DOCUMENTATION = r"""
module: nodeops_verb
short_description: Run a verb of the nodeops agent
description:
  - >-
    Runs C(nodeops VERB --json) and returns its answer, findings and changes. An exit code that is not tolerated fails the task,
    and so does anything but one JSON object.
options:
  command: {description: Path of the agent's command., type: str, required: true}
  verb: {description: The verb and its arguments., type: list, elements: str, required: true}
  changes: {description: The verb changes the host; check mode adds C(--dry-run)., type: bool, default: false}
  tolerate: {description: Exit codes that are answers too., type: list, elements: int, default: []}
  timeout: {description: Seconds until the verb is stopped., type: int, default: 120}
"""

RETURN = r"""
answer: {description: The JSON answer of the verb., type: dict, returned: always}
failures: {description: One line for each finding that fails., type: list, elements: str, returned: always}
"""
