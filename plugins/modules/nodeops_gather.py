#!/usr/bin/python3
"""Documentation of the action nodeops_gather, which runs on the controller."""

DOCUMENTATION = r"""
module: nodeops_gather
short_description: Gather public identities and make the genesis once
description:
  - >-
    Runs on the controller and writes C(identities/) and C(genesis.json) beside the consortium file.
    Files that exist are never rewritten, but by another key for records where the old one stands in C(former), or by another for
    peers where the old one's id stands as C(former_node_id).
options:
  inventory: {description: Folder of the consortium file., type: path, required: true}
  identities: {description: Answers of C(nodeops ledger identity) by node; empty ones are left out., type: dict, required: true}
"""

RETURN = r"""
peers: {description: Node id by node., type: dict, returned: always}
replaced: {description: Keys for records by node that must be replaced., type: dict, returned: always}
replaced_ids: {description: Node ids by node whose key must be replaced., type: dict, returned: always}
renewed: {description: Node ids by node of ours that had another before., type: dict, returned: always}
genesis: {description: "Text of the genesis, empty while it cannot be made.", type: str, returned: always}
authors: {description: "Text that names all keys for records, empty where the ledger has none.", type: str, returned: always}
findings: {description: What was judged., type: list, elements: dict, returned: always}
missing: {description: What is not known yet and who must publish it., type: list, elements: str, returned: always}
"""
