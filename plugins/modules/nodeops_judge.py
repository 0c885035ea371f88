#!/usr/bin/python3
"""Documentation of the action nodeops_judge, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_judge
short_description: Judge the live network by the statuses of the nodes that were asked
description:
  - Runs on the controller. A node that is not named was not asked, and is judged by what the others see of it.
options:
  inventory: {description: Folder of the consortium file., type: path, required: true}
  answers: {description: The answer of C(nodeops status) by node; an empty answer is a dead node., type: dict, required: true}
"""

RETURN = r"""
msg: {description: "Who was asked, the network in a line, and what fails.", type: str, returned: always}
"""
