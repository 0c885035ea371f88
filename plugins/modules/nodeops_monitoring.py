#!/usr/bin/python3
"""Documentation of the action nodeops_monitoring, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_monitoring
short_description: Refuse settings of a monitor that cannot be meant
description:
  - Runs on the controller and changes nothing. It fails with every mistake in what C(monitoring_*) say, and says no secret.
options:
  inventory: {description: Folder of the consortium file., type: path, required: true}
  settings: {description: The settings by the names of their variables., type: dict, required: true}
"""

RETURN = r"""
msg: {description: "Every mistake: what, where, what is allowed, what to do.", type: str, returned: failure}
"""
