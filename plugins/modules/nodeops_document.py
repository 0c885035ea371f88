#!/usr/bin/python3
"""Documentation of the action nodeops_document, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_document
short_description: Resolve the document of a host
description:
  - >-
    Runs on the controller. Reads the consortium file, C(waivers.yml) and the choices;
    a mistake in any of them is named with its line.
options:
  inventory: {description: Folder of the consortium file., type: path, required: true}
  node: {description: Name of the node, monitor or repository in the consortium file., type: str, required: true}
  choices: {description: "What this organisation chose, C(nodeops_choices).", type: dict, default: {}}
  jump_for: {description: "Destinations (host:port) of logins through this host.", type: list, elements: str, default: []}
  sources: {description: "Networks that reach a repository besides its nodes' addresses.", type: list, elements: str, default: []}
"""

RETURN = r"""
document: {description: The document., type: dict, returned: always}
agreed: {description: "Whether organisations agree to revisions, by votes or signatures.", type: bool, returned: always}
"""
