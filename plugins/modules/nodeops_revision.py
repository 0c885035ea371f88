#!/usr/bin/python3
"""Documentation of the action nodeops_revision, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_revision
short_description: Refuse a revision of the consortium file that is not in force
description:
  - Runs on the controller. Fails unless the organisations have agreed to the consortium file at hand.
options:
  inventory: {description: Folder of the consortium file., type: path, required: true}
  answers:
    description: The answer of C(nodeops consortium revision) by node; an empty answer is a node that cannot tell.
    type: dict
    required: true
  unagreed: {description: "Go on with a revision that is not in force, and say so loudly; for a lab.", type: bool, default: false}
"""

RETURN = r"""
msg: {description: Which revision is in force and which is at hand., type: str, returned: always}
"""
