#!/usr/bin/python3
"""Documentation of the action nodeops_certificates, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_certificates
short_description: Keep the hosts' certificates beside the consortium file
description:
  - >-
    Runs on the controller and writes C(certificates/), C(log_hosts/) or C(exporters/) beside the consortium file. Each
    certificate must say its host's name and address, nothing else, and sign nobody.
options:
  inventory: {description: Folder of the consortium file., type: path, required: true}
  certificates: {description: Certificates (PEM) by host; empty ones are left out., type: dict, required: true}
  log_hosts: {description: Certificates (PEM) that hosts show as log hosts., type: dict, default: {}}
  exporters: {description: Certificates (PEM) of the exporters of monitors and repositories., type: dict, default: {}}
"""

RETURN = r"""
nodes: {description: Certificate by node., type: dict, returned: always}
monitors: {description: Certificate by monitor., type: dict, returned: always}
repositories: {description: Certificate by repository., type: dict, returned: always}
log_hosts: {description: Certificate by log host., type: dict, returned: always}
exporters: {description: Certificate by monitor or repository, of its exporter., type: dict, returned: always}
missing: {description: Hosts without a certificate., type: list, elements: str, returned: always}
"""
